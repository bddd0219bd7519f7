namespace Pipeline.Tensors.Loading;

public enum LibTorchSource
{
    /// <summary>The package that was built or published with the program.</summary>
    Package,

    /// <summary>The folder that the environment variable <c>PIPELINE_LIBTORCH</c> names.</summary>
    Environment,
}

/// <summary>The native libraries that this process runs on.</summary>
/// <param name="Folder">Where libtorch was loaded from.</param>
/// <param name="Version">libtorch's own version, such as 2.10.0.</param>
/// <param name="Source">Who chose the folder.</param>
/// <param name="LibTorchSharp">The TorchSharp library that was loaded: the package's, or the corrected copy of it.</param>
/// <param name="LibStdCppFix">This system's libstdc++ is older than TorchSharp asks for, so a corrected copy was loaded.</param>
/// <param name="Cuda">libtorch's CUDA libraries are loaded (which does not say that a device is there).</param>
/// <param name="InstructionSet">Of its kernels on the processor: avx2, avx512, or default.</param>
public sealed record LibTorchInfo(
    string Folder, Version Version, LibTorchSource Source, string LibTorchSharp, bool LibStdCppFix, bool Cuda, string InstructionSet);
