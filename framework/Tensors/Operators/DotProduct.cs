using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Inner products in double precision, in an order that depends on a tensor's element count alone.</summary>
public static class DotProduct
{
    /// <summary>One product of each pair. Of tensors on a GPU all are waited for at once.</summary>
    /// <param name="pairs">Any floating type, two of one shape each, all on one device.</param>
    public static double[] Of(IReadOnlyList<(Tensor Left, Tensor Right)> pairs)
    {
        using var scope = NewDisposeScope();
        if (pairs.All(pair => pair.Left.device_type == TorchSharp.DeviceType.CPU))
        {
            return [.. pairs.Select(pair => IsSpan(pair.Left) && IsSpan(pair.Right) ? Of(Span(pair.Left), Span(pair.Right)) : Sum(pair.Left, pair.Right).item<double>())];
        }

        return stack(pairs.Select(pair => Sum(pair.Left, pair.Right))).cpu().data<double>().ToArray();
    }

    /// <summary>Four accumulators of eight lanes whatever the processor: narrower ones compute the same lanes in turns.</summary>
    internal static double Of(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        Vector512<double> a = default, b = default, c = default, d = default;
        ref var one = ref MemoryMarshal.GetReference(left);
        ref var other = ref MemoryMarshal.GetReference(right);
        var i = 0;
        for (; i <= left.Length - 32; i += 32)
        {
            var (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref one, (nuint)i));
            var (otherLow, otherHigh) = Vector512.Widen(Vector512.LoadUnsafe(ref other, (nuint)i));
            a += low * otherLow;
            b += high * otherHigh;
            (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref one, (nuint)i + 16));
            (otherLow, otherHigh) = Vector512.Widen(Vector512.LoadUnsafe(ref other, (nuint)i + 16));
            c += low * otherLow;
            d += high * otherHigh;
        }

        var sum = Vector512.Sum((a + b) + (c + d));
        for (; i < left.Length; i++)
        {
            sum += (double)Unsafe.Add(ref one, i) * Unsafe.Add(ref other, i);
        }

        return sum;
    }

    private static ReadOnlySpan<float> Span(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    private static Tensor Sum(Tensor left, Tensor right) => (left.to(ScalarType.Float64) * right.to(ScalarType.Float64)).sum();

    private static bool IsSpan(Tensor tensor) => tensor.dtype == ScalarType.Float32 && tensor.is_contiguous() && tensor.numel() <= Array.MaxLength / sizeof(float);
}
