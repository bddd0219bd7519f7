using System.Buffers.Binary;
using System.Diagnostics;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>This process's monotonic clock in nanoseconds, and by how much a peer's differs.</summary>
internal static class MonotonicClock
{
    private const int Exchanges = 8;

    public static long Now => ToNanoseconds(Stopwatch.GetTimestamp());

    public static long ToNanoseconds(long ticks) => (long)((Int128)ticks * 1_000_000_000 / Stopwatch.Frequency);

    public static long ToTicks(long nanoseconds) => (long)((Int128)nanoseconds * Stopwatch.Frequency / 1_000_000_000);

    /// <summary>Asks the peer for its time as NTP does, several times; the quickest answer counts. The peer calls <see cref="Answer"/>.</summary>
    /// <returns>The peer's clock less ours, in nanoseconds; wrong by at most half the quickest answer's time.</returns>
    public static long Ask(Stream stream)
    {
        var (quickest, offset) = (long.MaxValue, 0L);
        for (var i = 0; i < Exchanges; i++)
        {
            var before = Now;
            Write(stream, before);
            var theirs = Read(stream);
            var after = Now;
            if (after - before < quickest)
            {
                (quickest, offset) = (after - before, theirs - (before + ((after - before) / 2)));
            }
        }

        Write(stream, offset);
        return offset;
    }

    /// <returns>The peer's clock less ours, in nanoseconds.</returns>
    public static long Answer(Stream stream)
    {
        for (var i = 0; i < Exchanges; i++)
        {
            Read(stream);
            Write(stream, Now);
        }

        return -Read(stream);
    }

    private static void Write(Stream stream, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static long Read(Stream stream)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        stream.ReadExactly(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }
}
