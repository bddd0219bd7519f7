using System.Runtime.InteropServices;
using Pipeline.Core;

namespace Pipeline.Tensors.Loading;

/// <summary>Where the native libraries lie, found without loading any.</summary>
internal sealed record NativeFiles(string LibTorchFolder, LibTorchSource Source, string LibTorchSharp)
{
    public const string Variable = "PIPELINE_LIBTORCH";

    private static readonly string[] LikelyBelow = ["lib", "torch/lib"];

    private const string Example = "such as .../site-packages/torch/lib of a Python install of PyTorch";

    /// <param name="named">The value of <see cref="Variable"/>; null or empty when it is not set.</param>
    /// <param name="programFolder">The folder of the program's own files.</param>
    /// <param name="probed">Folders in which .NET looks for native libraries by itself.</param>
    public static NativeFiles Find(string? named, string programFolder, IEnumerable<string> probed)
    {
        programFolder = Path.TrimEndingDirectorySeparator(programFolder);
        string[] searched = [.. new[] { Path.Combine(programFolder, "runtimes", Platform, "native"), programFolder }.Concat(probed)];
        var library = FileName("torch_cpu");
        var bundled = searched.FirstOrDefault(folder => File.Exists(Path.Combine(folder, library)));
        var sharp = searched.Select(folder => Path.Combine(folder, FileName("LibTorchSharp"))).FirstOrDefault(File.Exists)
            ?? throw new BadInputException(
                $"{FileName("LibTorchSharp")} of the TorchSharp package is missing from '{programFolder}'; " +
                "build or publish the program again for this platform (linux-x64, win-x64, win-arm64 or osx-arm64).");

        if (!string.IsNullOrEmpty(named))
        {
            var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(named));
            CheckNamed(folder, library);
            // TorchSharp opens torch_cpu by name, so that .NET would find the bundled one and load it as a second copy.
            if (bundled is not null && Path.GetFullPath(bundled) != folder)
            {
                throw new BadInputException(
                    $"{Variable} is '{folder}', but the program carries a libtorch of its own in '{bundled}', and a process can " +
                    $"hold only one; build it with -p:LibTorch=none, or unset {Variable}.");
            }

            return new NativeFiles(folder, LibTorchSource.Environment, sharp);
        }

        // A folder of its own, which .NET does not probe, is where the build puts libtorch on Linux.
        var own = searched.Select(folder => Path.Combine(folder, "libtorch"))
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, library)));
        var found = own ?? bundled ?? throw new BadInputException(
            $"No libtorch came with the program in '{programFolder}'; build it with -p:LibTorch=cpu (or cuda), or set {Variable} " +
            $"to a folder that holds {library}, {Example}.");
        return new NativeFiles(found, LibTorchSource.Package, sharp);
    }

    /// <summary>The name of a native library's file on this platform.</summary>
    public static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    private static string Platform =>
        (OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux") + "-" +
        RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    private static void CheckNamed(string folder, string library)
    {
        if (!Directory.Exists(folder))
        {
            throw new BadInputException($"{Variable} is '{folder}', which is not a folder; name one that holds {library}, {Example}.");
        }

        if (File.Exists(Path.Combine(folder, library)))
        {
            return;
        }

        var below = LikelyBelow.Select(part => Path.Combine(folder, part))
            .FirstOrDefault(candidate => File.Exists(Path.Combine(candidate, library)));
        var example = below is null ? Example : $"such as '{below}'";
        throw new BadInputException($"{Variable} is '{folder}', which holds no {library}; name a folder that does, {example}.");
    }
}
