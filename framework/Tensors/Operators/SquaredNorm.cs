using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Sums of squares in double precision, in an order that depends on a tensor's element count alone.</summary>
public static class SquaredNorm
{
    /// <summary>One sum for each tensor. Of tensors on a GPU all are waited for at once.</summary>
    /// <param name="tensors">Any floating type, all on one device.</param>
    public static double[] Of(IReadOnlyList<Tensor> tensors)
    {
        using var scope = NewDisposeScope();
        if (tensors.All(tensor => tensor.device_type == TorchSharp.DeviceType.CPU))
        {
            return [.. tensors.Select(tensor => IsSpan(tensor) ? Of(MemoryMarshal.Cast<byte, float>(tensor.bytes)) : Sum(tensor).item<double>())];
        }

        return stack(tensors.Select(Sum)).cpu().data<double>().ToArray();
    }

    /// <summary>Four accumulators of eight lanes whatever the processor: narrower ones compute the same lanes in turns.</summary>
    internal static double Of(ReadOnlySpan<float> values)
    {
        Vector512<double> a = default, b = default, c = default, d = default;
        ref var first = ref MemoryMarshal.GetReference(values);
        var i = 0;
        for (; i <= values.Length - 32; i += 32)
        {
            var (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref first, (nuint)i));
            a += low * low;
            b += high * high;
            (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref first, (nuint)i + 16));
            c += low * low;
            d += high * high;
        }

        var sum = Vector512.Sum((a + b) + (c + d));
        for (; i < values.Length; i++)
        {
            sum += (double)Unsafe.Add(ref first, i) * Unsafe.Add(ref first, i);
        }

        return sum;
    }

    private static Tensor Sum(Tensor tensor) => tensor.to(ScalarType.Float64).square().sum();

    private static bool IsSpan(Tensor tensor) => tensor.dtype == ScalarType.Float32 && tensor.is_contiguous() && tensor.numel() <= Array.MaxLength / sizeof(float);
}
