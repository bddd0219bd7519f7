using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Pipeline.Tensors.Operators;

/// <summary>Powers of two of sixteen numbers at once. Each lane takes the same IEEE operations on every processor, so the bits are the same with
/// and without 512-bit registers.</summary>
internal static class Exponential
{
    /// <summary>3/2 * 2^23: a number of moderate size that is added to this is rounded to a whole one, which then are its low bits.</summary>
    private const float Rounding = 12582912f;

    /// <summary>2^x, within 1.1 units in the last place for -126.5 &lt;= x &lt; 127.5, exact at whole numbers; 0 below (no subnormal numbers),
    /// infinity above, NaN for NaN. 2^x = 2^k 2^f with k whole and f in [-1/2, 1/2], where 2^f is a polynomial of degree 6 (Remez, relative
    /// error 2e-8 with the coefficients rounded).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp2(Vector512<float> x)
    {
        // The constant comes first: the processor's minimum and maximum return their second operand for NaN.
        x = Vector512.MaxNative(Vector512.Create(-127f), x);
        x = Vector512.MinNative(Vector512.Create(128f), x);
        var rounded = x + Vector512.Create(Rounding);
        var fraction = x - (rounded - Vector512.Create(Rounding));
        var polynomial = Vector512.Create(1.55946764e-4f);
        polynomial = Vector512.FusedMultiplyAdd(polynomial, fraction, Vector512.Create(1.34066434e-3f));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, fraction, Vector512.Create(9.61769279e-3f));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, fraction, Vector512.Create(5.55031039e-2f));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, fraction, Vector512.Create(0.240226522f));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, fraction, Vector512.Create(0.693147242f));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, fraction, Vector512<float>.One);
        var power = Vector512.ShiftLeft(rounded.AsInt32(), 23) + Vector512.Create(127 << 23);   // -127 gives the bits of 0, 128 those of infinity
        return polynomial * power.AsSingle();
    }
}
