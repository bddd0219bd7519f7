using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>The words of the job file's <c>precision</c>.</summary>
internal static class Precision
{
    public static ScalarType Of(string name) => name switch
    {
        "float32" => ScalarType.Float32,
        "float64" => ScalarType.Float64,
        "bfloat16" => ScalarType.BFloat16,
        _ => throw new ArgumentException($"{name} is not a type that a stage computes in.", nameof(name)),
    };
}
