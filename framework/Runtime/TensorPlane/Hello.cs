using System.Buffers.Binary;
using System.IO.Hashing;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>What a dialler says first on each connection of a link; little endian. One byte answers: 0 for welcome, or why not.</summary>
/// <param name="Attempt">Drawn at random for each dial: connections of one that failed do not mix with the next one's.</param>
/// <param name="Connection">This connection's number: the dialler sends on even ones, the listener on odd ones.</param>
/// <param name="Connections">How many the link has.</param>
internal readonly record struct Hello(LinkName Link, Guid Attempt, int Connection, int Connections)
{
    public const int Size = 72;
    private const int Checked = Size - sizeof(ulong);
    private const ulong Magic = 0x4F4C_4C45_484E_4C50;   // PLNHELLO
    private const int Version = 1;

    public void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(to, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(to[8..], Version);
        (to[10], to[11]) = ((byte)Connection, (byte)Connections);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], Link.Dialler);
        BinaryPrimitives.WriteInt32LittleEndian(to[16..], Link.Listener);
        BinaryPrimitives.WriteInt64LittleEndian(to[20..], Link.Epoch);
        Link.Run.TryWriteBytes(to[28..]);
        Attempt.TryWriteBytes(to[44..]);
        to[60..Checked].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(to[Checked..], XxHash3.HashToUInt64(to[..Checked]));
    }

    /// <exception cref="RefusedException">Not a greeting.</exception>
    public static Hello Read(ReadOnlySpan<byte> from)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(from) != Magic)
        {
            throw new RefusedException(Refusal.Greeting, "it did not greet as a worker does");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(from[8..]) is var version and not Version)
        {
            throw new RefusedException(Refusal.Version, $"it speaks version {version} of the protocol, not {Version}");
        }

        var hello = new Hello(
            new(
                new(from[28..44]), BinaryPrimitives.ReadInt64LittleEndian(from[20..]), BinaryPrimitives.ReadInt32LittleEndian(from[12..]),
                BinaryPrimitives.ReadInt32LittleEndian(from[16..])),
            new(from[44..60]),
            from[10],
            from[11]);
        return BinaryPrimitives.ReadUInt64LittleEndian(from[Checked..]) == XxHash3.HashToUInt64(from[..Checked])
            && hello.Connections is > 0 and <= PlaneLimits.Connections && hello.Connections % 2 == 0 && hello.Connection < hello.Connections
            ? hello
            : throw new RefusedException(Refusal.Greeting, "its greeting arrived damaged");
    }
}
