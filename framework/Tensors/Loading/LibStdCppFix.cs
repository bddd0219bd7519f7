using System.Buffers.Binary;
using System.Security.Cryptography;
using Pipeline.Core;

namespace Pipeline.Tensors.Loading;

/// <summary>TorchSharp's library asks for GLIBCXX_3.4.32 (GCC 13) although it calls nothing of that version; Debian 12 and
/// Ubuntu 22.04 have 3.4.30, and the system refuses to load it there. Marking that one need as weak in a copy of the library
/// makes the system accept it.</summary>
internal static class LibStdCppFix
{
    private const string Library = "libstdc++.so.6", Version = "GLIBCXX_3.4.32";
    private const ushort Weak = 2;  // VER_FLG_WEAK

    /// <summary>Whether a libstdc++ that this process has loaded lacks the version (the fix does no harm to one that has it).</summary>
    public static bool IsNeeded(byte[] library, string path, IEnumerable<string> loaded)
    {
        if (FindNeed(library, path) is null or { Flags: Weak })
        {
            return false;
        }

        return loaded.Where(file => Path.GetFileName(file).StartsWith(Library, StringComparison.Ordinal))
            .Any(file => !new ElfVersions(File.ReadAllBytes(file), file).Defined().Contains(Version));
    }

    /// <summary>A copy with the need marked as weak.</summary>
    public static byte[] Apply(byte[] library, string path)
    {
        var corrected = (byte[])library.Clone();
        if (FindNeed(library, path) is { } need)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(corrected.AsSpan(need.FlagsOffset), (ushort)(need.Flags | Weak));
        }

        return corrected;
    }

    /// <summary>The corrected copy as a file of this user, made when it is not there yet.</summary>
    public static string CopyInCache(byte[] library, string path, string cache)
    {
        var folder = Path.Combine(cache, "pipeline", "libtorchsharp", Convert.ToHexStringLower(SHA256.HashData(library)));
        var copy = Path.Combine(folder, Path.GetFileName(path));
        var corrected = Apply(library, path);
        try
        {
            // Whatever lies there is code to be run: it is used only if it is, byte for byte, what would be written.
            if (!File.Exists(copy) || !File.ReadAllBytes(copy).AsSpan().SequenceEqual(corrected))
            {
                WriteAside(folder, copy, corrected);
            }

            return copy;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(
                $"This system's libstdc++ lacks {Version}, and the corrected copy of {Path.GetFileName(path)} cannot be kept in " +
                $"'{folder}': {problem.Message.TrimEnd('.')}; set XDG_CACHE_HOME to a folder that can be written.", problem);
        }
    }

    /// <summary>The user's cache folder, as the XDG rules have it (a relative path does not count).</summary>
    public static string UserCache() =>
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } named && Path.IsPathRooted(named)
            ? named
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");

    /// <summary>Other processes may start at this moment: they see no file or a whole one.</summary>
    private static void WriteAside(string folder, string copy, byte[] content)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("Windows has no libstdc++ to be fixed.");
        }

        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var aside = $"{copy}.{Guid.NewGuid():N}";
        try
        {
            using (var file = new FileStream(aside, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                file.Write(content);
            }

            File.Move(aside, copy, overwrite: true);
        }
        finally
        {
            File.Delete(aside);
        }
    }

    private static NeededVersion? FindNeed(byte[] library, string path) =>
        new ElfVersions(library, path).Needed().Find(need => need is { Library: Library, Version: Version });
}
