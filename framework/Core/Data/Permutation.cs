using System.Numerics;

namespace Pipeline.Core.Data;

/// <summary>A pseudo-random order of 0 to count - 1 that needs no memory: a four-round Feistel network over the next even number of bits,
/// walked until it lands in range (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").</summary>
internal static class Permutation
{
    private const int Rounds = 4;

    /// <summary>What stands at <paramref name="position"/>, from 0 to <paramref name="count"/> - 1; each value stands somewhere once.</summary>
    public static long At(long position, long count, long key)
    {
        var half = Math.Max(1, (BitOperations.Log2((ulong)count) / 2) + 1);
        var mask = (1L << half) - 1;
        var value = position;
        do
        {
            var (left, right) = (value >> half, value & mask);
            for (var round = 0; round < Rounds; round++)
            {
                (left, right) = (right, left ^ ((long)Seeds.Derive(key, round, right) & mask));
            }

            value = (left << half) | right;
        }
        while (value >= count);

        return value;
    }
}
