using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Arithmetic with numbers, safe from the garbage collector. TorchSharp makes a native scalar for the number in <c>x * 0.5</c>, and for
/// the hidden factor 1 in <c>x + y</c> and <c>x - y</c>, and passes its bare address to libtorch: when the collector finalizes the wrapper during
/// the call, libtorch reads freed memory. That happens once in some hundred thousand calls on a busy machine. Here the wrapper outlives the call.
/// <c>x * y</c> and <c>x / y</c> of two tensors have no scalar.</summary>
public static class Arithmetic
{
    private static readonly Scalar Zero = 0;
    private static readonly Scalar One = 1;
    private static readonly Scalar MinusOne = -1;

    /// <summary><c>left + right</c>.</summary>
    public static Tensor Add(Tensor left, Tensor right) => left.add(right, One);

    /// <summary><c>left - right</c>.</summary>
    public static Tensor Subtract(Tensor left, Tensor right) => left.add(right, MinusOne);

    /// <summary><c>sum += addend</c>; converts the addend to the sum's type.</summary>
    public static void AddTo(Tensor sum, Tensor addend) => sum.add_(addend, One);

    /// <summary><c>sum + left * right</c>.</summary>
    public static Tensor AddProduct(Tensor sum, Tensor left, Tensor right) => sum.addcmul(left, right, One);

    /// <summary><c>sum += left * right</c>, in one pass over the memory.</summary>
    public static void AddProductTo(Tensor sum, Tensor left, Tensor right) => sum.addcmul_(left, right, One);

    /// <summary><c>sum += factor * addend</c>, in one pass over the memory.</summary>
    public static void AddScaledTo(Tensor sum, Tensor addend, double factor)
    {
        using Scalar number = factor;
        sum.add_(addend, number);
    }

    /// <summary><c>input * factor</c>.</summary>
    public static Tensor Scale(Tensor input, double factor)
    {
        using Scalar number = factor;
        return input.mul(number);
    }

    /// <summary><c>input + addend</c>.</summary>
    public static Tensor Shift(Tensor input, double addend)
    {
        using Scalar number = addend;
        return input.add(number, One);
    }

    /// <summary><c>input *= factor</c>.</summary>
    public static Tensor ScaleInPlace(Tensor input, double factor)
    {
        using Scalar number = factor;
        return input.mul_(number);
    }

    /// <summary>The input with <paramref name="value"/> where the mask is true.</summary>
    public static Tensor Fill(Tensor input, Tensor mask, double value)
    {
        using Scalar number = value;
        return input.masked_fill(mask, number);
    }

    /// <summary>The input, where it is below or above the bounds these.</summary>
    public static Tensor Clamp(Tensor input, double minimum, double maximum)
    {
        using Scalar low = minimum, high = maximum;
        return input.clamp(low, high);
    }

    /// <summary>A tensor of one value, in float32 on the CPU.</summary>
    public static Tensor Full(IReadOnlyList<long> shape, double value)
    {
        using Scalar number = value;
        return full([.. shape], number, ScalarType.Float32);
    }

    /// <summary>0, 1, ..., <paramref name="count"/> - 1.</summary>
    public static Tensor Range(long count, ScalarType type, Device device)
    {
        using Scalar stop = count;
        return arange(Zero, stop, One, type, device);
    }
}
