using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Pipeline.Core;

/// <summary>Random numbers as functions of what they are for: whoever asks, in whatever order, gets the same.</summary>
public static class Seeds
{
    /// <summary>The seed of a named thing of a job, such as a parameter's initial value.</summary>
    public static ulong Derive(long seed, string name) =>
        XxHash3.HashToUInt64(MemoryMarshal.AsBytes(name.AsSpan()), Mixed(seed));

    /// <summary>The seed of a named place in one micro-batch of one step.</summary>
    public static ulong Derive(long seed, long step, int microBatch, string place) =>
        Derive((long)Derive(seed, step, microBatch), place);

    /// <summary>The number of one item of one step; well mixed, so that its parts can be used.</summary>
    public static ulong Derive(long seed, long step, long item) =>
        XxHash3.HashToUInt64(MemoryMarshal.AsBytes<long>([step, item]), Mixed(seed));

    /// <summary>A number in [0, <paramref name="count"/>) from a well-mixed one, without the bias of a remainder.</summary>
    public static long Below(ulong random, long count) => (long)Math.BigMul(random, (ulong)count, out _);

    // XXH3 combines a short input with its seed by xor and addition: unmixed, seeds 1 and 2 would have most numbers in common,
    // at neighbouring steps.
    private static long Mixed(long seed) => (long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes<long>([seed]));
}
