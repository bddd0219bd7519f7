using System.Diagnostics;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>A file system of its own, which can be filled and made read-only, also against root. The test that asks is skipped where it cannot be made.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TemporaryFolder folder = new();

    /// <param name="at">The folder that it lies under; one of its own without it.</param>
    public SmallDisk(int kibibytes, string? at = null)
    {
        Path = at ?? folder.File("disk");
        Directory.CreateDirectory(Path);
        Assert.SkipUnless(OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k", "none", Path), "A small file system takes the right to mount one.");
    }

    public string Path { get; private set; }

    /// <summary>Leaves no byte free.</summary>
    public void Fill()
    {
        using var file = new FileStream(System.IO.Path.Combine(Path, "full"), FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (var block = 4096; block > 0; block /= 2)
        {
            try
            {
                while (true)
                {
                    file.Write(new byte[block]);
                }
            }
            catch (IOException)
            {
                // A smaller block may still go.
            }
        }
    }

    /// <summary>The folder that it lies under has another name by now.</summary>
    public void Move(string path) => Path = path;

    public void Free() => File.Delete(System.IO.Path.Combine(Path, "full"));

    public void MakeReadOnly() => Assert.True(Run("mount", "-o", "remount,ro", Path));

    public void Dispose()
    {
        Run("umount", "-l", Path);
        folder.Dispose();
    }

    private static bool Run(string command, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;   // there is no such command
        }
    }
}
