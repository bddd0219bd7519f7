using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Sums of squares in double precision, in an order as in <see cref="DotProduct"/>.</summary>
public static class SquaredNorm
{
    /// <summary>One sum for each tensor. Of tensors on a GPU all are waited for at once.</summary>
    /// <param name="tensors">Any floating type, all on one device.</param>
    public static double[] Of(IReadOnlyList<Tensor> tensors)
    {
        using var scope = NewDisposeScope();
        if (tensors.All(tensor => tensor.device_type == TorchSharp.DeviceType.CPU))
        {
            return [.. tensors.Select(tensor => DotProduct.OfSpans(tensor, tensor) ?? Sum(tensor).item<double>())];
        }

        return stack(tensors.Select(Sum)).cpu().data<double>().ToArray();
    }

    internal static double Of(ReadOnlySpan<float> values) => DotProduct.Of(values, values);

    private static Tensor Sum(Tensor tensor) => tensor.to(ScalarType.Float64).square().sum();
}
