using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Random masks as a hash of (seed, position): the same on every device, with any number of threads, and without any
/// generator's state. TorchSharp has no generators on a GPU.</summary>
internal static class DropoutMask
{
    /// <summary>A tensor like <paramref name="like"/> of 0 with <paramref name="probability"/> and 1 / (1 - probability) otherwise.</summary>
    public static Tensor Draw(Tensor like, double probability, ulong seed)
    {
        var count = like.numel();
        if (count > int.MaxValue)
        {
            throw new InvalidOperationException($"Dropout takes at most {int.MaxValue} elements at once, not {count}; use smaller micro-batches.");
        }

        var bits = Arithmetic.Range(count, ScalarType.Int32, like.device);
        bits.bitwise_xor_(Word((uint)seed));
        Mix(bits);
        bits.bitwise_xor_(Word((uint)(seed >> 32)));
        Mix(bits);
        bits.bitwise_and_(Word(int.MaxValue));
        return Arithmetic.ScaleInPlace(bits.ge(Word((uint)(probability * int.MaxValue))).to(like.dtype), 1 / (1 - probability)).view(like.shape);
    }

    /// <summary>A bijection of 32-bit words that flips every output bit with nearly even odds for every input bit
    /// (the "lowbias32" constants of C. Wellons' hash prospector).</summary>
    private static void Mix(Tensor bits)
    {
        FoldDown(bits, 16);
        bits.mul_(Word(0x7feb352d));
        FoldDown(bits, 15);
        bits.mul_(Word(0x846ca68b));
        FoldDown(bits, 16);
    }

    /// <summary>bits ^= bits >> count, with zeros shifted in.</summary>
    private static void FoldDown(Tensor bits, int count)
    {
        using var high = bits.bitwise_right_shift(tensor(count)).bitwise_and_(Word(uint.MaxValue >> count));
        bits.bitwise_xor_(high);
    }

    private static Tensor Word(uint value) => tensor(unchecked((int)value));
}
