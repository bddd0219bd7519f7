using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Pipeline.Core;

namespace Pipeline.Tensors.Loading;

/// <summary>The vector instructions that libtorch's kernels use. Those of AVX2 and AVX-512 differ in the last bits of a result, so all
/// processes of a run need the same.</summary>
public static partial class InstructionSet
{
    public const string Automatic = "auto";

    private const string Avx2Name = "avx2";
    private const string Avx512Name = "avx512";

    /// <summary>Those that can be asked for.</summary>
    public static IReadOnlyList<string> Names { get; } = [Automatic, Avx2Name, Avx512Name];

    /// <summary>The most that this processor has, by ATen's rule (aten/src/ATen/native/DispatchStub.cpp).</summary>
    public static string Best => !Fma.IsSupported ? "default"
        : Avx512F.VL.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported ? Avx512Name
        : Avx2.IsSupported ? Avx2Name : "default";

    /// <summary>Has ATen, MKL and oneDNN use one set. They read it when they are first used, so this must come before libtorch is loaded.</summary>
    /// <returns>The set in use.</returns>
    /// <exception cref="BadInputException">This processor does not have it.</exception>
    internal static string Choose(string name)
    {
        if (name == Automatic)
        {
            Reproduce(Best);
            return Best;
        }

        if (name != Best && !(name == Avx2Name && Best == Avx512Name))
        {
            throw new BadInputException($"instruction-set: this processor does not have {name}; it has {Best}.");
        }

        Reproduce(name);
        Set("ATEN_CPU_CAPABILITY", name);
        Set("MKL_ENABLE_INSTRUCTIONS", name == Avx2Name ? "AVX2" : "AVX512");
        Set("ONEDNN_MAX_CPU_ISA", name == Avx2Name ? "AVX2" : "AVX512_CORE");
        return name;
    }

    /// <summary>By itself MKL chooses kernels by where a matrix happens to lie in memory too, and the last bits of a product in float64 differ from run to run
    /// (its developer guide, "Getting Started with Conditional Numerical Reproducibility"). What the user has set stays.</summary>
    private static void Reproduce(string name)
    {
        if (Environment.GetEnvironmentVariable("MKL_CBWR") is null)
        {
            Set("MKL_CBWR", name switch
            {
                Avx2Name => "AVX2,STRICT",
                Avx512Name => "AVX512,STRICT",
                _ => "COMPATIBLE",
            });
        }
    }

    /// <summary>.NET keeps a copy of the environment; native code reads the process's own.</summary>
    private static void Set(string name, string value)
    {
        if (OperatingSystem.IsWindows())
        {
            Environment.SetEnvironmentVariable(name, value);
        }
        else
        {
            _ = setenv(name, value, 1);
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);
}
