using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Inner products in double precision, on a CPU, of contiguous float32 or float64, in an order that depends on the element
/// count alone; of others as libtorch adds up, whose order may depend on the number of threads too.</summary>
public static class DotProduct
{
    /// <summary>One product of each pair. Of tensors on a GPU all are waited for at once.</summary>
    /// <param name="pairs">Any floating type, two of one shape each, all on one device.</param>
    public static double[] Of(IReadOnlyList<(Tensor Left, Tensor Right)> pairs)
    {
        using var scope = NewDisposeScope();
        if (pairs.All(pair => pair.Left.device_type == TorchSharp.DeviceType.CPU))
        {
            return [.. pairs.Select(pair => OfSpans(pair.Left, pair.Right) ?? Sum(pair.Left, pair.Right).item<double>())];
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

    /// <summary>The same lanes as of floats.</summary>
    internal static double Of(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        Vector512<double> a = default, b = default, c = default, d = default;
        ref var one = ref MemoryMarshal.GetReference(left);
        ref var other = ref MemoryMarshal.GetReference(right);
        var i = 0;
        for (; i <= left.Length - 32; i += 32)
        {
            a += Vector512.LoadUnsafe(ref one, (nuint)i) * Vector512.LoadUnsafe(ref other, (nuint)i);
            b += Vector512.LoadUnsafe(ref one, (nuint)i + 8) * Vector512.LoadUnsafe(ref other, (nuint)i + 8);
            c += Vector512.LoadUnsafe(ref one, (nuint)i + 16) * Vector512.LoadUnsafe(ref other, (nuint)i + 16);
            d += Vector512.LoadUnsafe(ref one, (nuint)i + 24) * Vector512.LoadUnsafe(ref other, (nuint)i + 24);
        }

        var sum = Vector512.Sum((a + b) + (c + d));
        for (; i < left.Length; i++)
        {
            sum += Unsafe.Add(ref one, i) * Unsafe.Add(ref other, i);
        }

        return sum;
    }

    /// <summary>On a CPU; null where they are not contiguous, of one of the two types, and of a size that a span has.</summary>
    internal static double? OfSpans(Tensor left, Tensor right) => (left.dtype, right.dtype) switch
    {
        _ when !left.is_contiguous() || !right.is_contiguous() || left.numel() > Array.MaxLength / left.element_size() => null,
        (ScalarType.Float32, ScalarType.Float32) => Of(Span<float>(left), Span<float>(right)),
        (ScalarType.Float64, ScalarType.Float64) => Of(Span<double>(left), Span<double>(right)),
        _ => null,
    };

    private static ReadOnlySpan<T> Span<T>(Tensor tensor)
        where T : struct => MemoryMarshal.Cast<byte, T>(tensor.bytes);

    private static Tensor Sum(Tensor left, Tensor right) => (left.to(ScalarType.Float64) * right.to(ScalarType.Float64)).sum();
}
