using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pipeline.Core;

namespace Pipeline.Tensors.Loading;

/// <summary>Loads libtorch and TorchSharp's native library from where they are, once a process.</summary>
public static class LibTorch
{
    private static readonly Version Oldest = new(2, 10, 0);

    // A failure is kept too: after it a part may be loaded, and a second copy of libtorch would abort the process.
    private static readonly Lazy<LibTorchInfo> Loaded = new(LoadOnce);

    private static string instructionSet = InstructionSet.Automatic;

    /// <summary>Which of <see cref="InstructionSet.Names"/> is to be used; has no effect once libtorch is loaded.</summary>
    public static void Prefer(string set) => instructionSet = set;

    /// <summary>Must come before the first touch of <c>TorchSharp.torch</c>; later calls, from any thread, return the same.</summary>
    /// <exception cref="BadInputException">They are missing or do not fit; the sentence says what to do.</exception>
    public static LibTorchInfo Load() => Loaded.Value;

    private static LibTorchInfo LoadOnce()
    {
        var probed = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        var instructions = InstructionSet.Choose(instructionSet);
        var files = NativeFiles.Find(Environment.GetEnvironmentVariable(NativeFiles.Variable), AppContext.BaseDirectory, probed);
        var folder = files.LibTorchFolder;

        // In the order of their dependencies and by full path, so that no search path can bring in another copy.
        Open(Path.Combine(folder, NativeFiles.FileName("c10")));
        var version = CheckVersion(Open(Path.Combine(folder, NativeFiles.FileName("torch_cpu"))), folder);
        var cuda = CudaLibraries.Open(folder);
        Open(Path.Combine(folder, NativeFiles.FileName("torch")));

        var sharp = files.LibTorchSharp;
        var fix = false;
        if (OperatingSystem.IsLinux())
        {
            var library = File.ReadAllBytes(sharp);
            fix = LibStdCppFix.IsNeeded(library, sharp, LoadedLibraries());
            if (fix)
            {
                sharp = LibStdCppFix.CopyInCache(library, sharp, LibStdCppFix.UserCache());
            }
        }

        Open(sharp);
        StartTorchSharp(folder);
        return new LibTorchInfo(folder, version, files.Source, sharp, fix, cuda, instructions);
    }

    internal static nint Open(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception problem) when (problem is DllNotFoundException or BadImageFormatException)
        {
            // .NET's text is long; its last line is what the system's loader said.
            var reason = problem.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];
            throw new BadInputException(
                $"The library '{path}' cannot be loaded ({reason.TrimEnd('.')}); libtorch {Oldest.ToString(2)} or newer for this " +
                $"platform is needed: build with -p:LibTorch=cpu, or set {NativeFiles.Variable} to the folder of one.", problem);
        }
    }

    private static unsafe Version CheckVersion(nint library, string folder)
    {
        var version = new Version(0, 0, 0);
        if (NativeLibrary.TryGetExport(library, "aoti_torch_abi_version", out var abiVersion))
        {
            // Major, minor and patch version are its three highest bytes.
            var packed = ((delegate* unmanaged<ulong>)abiVersion)();
            version = new Version((int)(packed >> 56), (int)(packed >> 48) & 0xff, (int)(packed >> 40) & 0xff);
        }

        return version >= Oldest && NativeLibrary.TryGetExport(library, "torch_call_dispatcher", out _)
            ? version
            : throw new BadInputException(
                $"The libtorch in '{folder}' is {(version.Major == 0 ? "too old" : $"version {version}")}; version " +
                $"{Oldest.ToString(2)} or newer is needed: build with -p:LibTorch=cpu, or set {NativeFiles.Variable} " +
                "to the folder of one.");
    }

    private static IEnumerable<string> LoadedLibraries() =>
        File.ReadLines("/proc/self/maps").Where(line => line.Contains('/')).Select(line => line[line.IndexOf('/')..])
            .Distinct().Where(File.Exists);

    private static void StartTorchSharp(string folder)
    {
        try
        {
            RuntimeHelpers.RunClassConstructor(typeof(TorchSharp.torch).TypeHandle);
        }
        catch (TypeInitializationException problem)
        {
            throw new BadInputException(
                $"TorchSharp does not start on the libtorch in '{folder}'; build with -p:LibTorch=cpu, or set " +
                $"{NativeFiles.Variable} to the folder of another one, version {Oldest.ToString(2)} or newer.", problem);
        }
    }
}
