using System.Buffers.Binary;
using System.IO.Hashing;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>The fixed part in front of every message, little endian, with a checksum of its own: nothing that it says is used before.</summary>
/// <param name="Sequence">Counts the messages of one direction of one connection, from 0.</param>
/// <param name="Reference">The message that an acknowledgement, a request or a retransmission is about; else its own number.</param>
/// <param name="SentAt">Nanoseconds of the sender's monotonic clock.</param>
/// <param name="Tensors">How many shapes and payloads follow.</param>
/// <param name="TableBytes">Of the shapes, with their checksum.</param>
/// <param name="PayloadBytes">Of all tensors; their checksum follows them.</param>
internal readonly record struct MessageHeader(
    MessageKind Kind, long Sequence, long Reference, long Epoch = 0, FrameKey Key = default, long SentAt = 0, int Tensors = 0, int TableBytes = 0,
    long PayloadBytes = 0)
{
    public const int Size = 96;
    private const int Checked = Size - sizeof(ulong);
    private const uint Magic = 0x454E_4C50;   // PLNE
    private const int Version = 1;

    public void Write(Span<byte> to, LinkName link, bool fromDialler)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], Version);
        to[6] = (byte)Kind;
        to[7] = (byte)Tensors;
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], Reference);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(to[32..], Key.Step);
        BinaryPrimitives.WriteInt64LittleEndian(to[40..], SentAt);
        BinaryPrimitives.WriteInt64LittleEndian(to[48..], PayloadBytes);
        BinaryPrimitives.WriteInt32LittleEndian(to[56..], Key.Stage);
        BinaryPrimitives.WriteInt32LittleEndian(to[60..], Key.Index);
        BinaryPrimitives.WriteInt32LittleEndian(to[64..], link.Dialler);
        BinaryPrimitives.WriteInt32LittleEndian(to[68..], link.Listener);
        BinaryPrimitives.WriteUInt16LittleEndian(to[72..], (ushort)TableBytes);
        to[74] = (byte)Key.Kind;
        to[75] = (byte)(fromDialler ? 0 : 1);
        to[76..Checked].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(to[Checked..], XxHash3.HashToUInt64(to[..Checked]));
    }

    /// <param name="fromDialler">Which end must have sent it.</param>
    /// <param name="maximumBytes">Of the payload.</param>
    /// <exception cref="RefusedException">Not a header that this link can take.</exception>
    public static MessageHeader Read(ReadOnlySpan<byte> from, LinkName link, bool fromDialler, long maximumBytes)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(from) != Magic)
        {
            throw new RefusedException(Refusal.Header, "something else than a message of the tensor plane arrived");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(from[4..]) != Version)
        {
            throw new RefusedException(Refusal.Header, $"a message of version {BinaryPrimitives.ReadUInt16LittleEndian(from[4..])} arrived, not {Version}");
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(from[Checked..]) != XxHash3.HashToUInt64(from[..Checked]))
        {
            throw new RefusedException(Refusal.Header, "a message's header arrived damaged");
        }

        var header = new MessageHeader(
            (MessageKind)from[6],
            BinaryPrimitives.ReadInt64LittleEndian(from[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[24..]),
            new(
                BinaryPrimitives.ReadInt64LittleEndian(from[32..]), (FrameKind)from[74], BinaryPrimitives.ReadInt32LittleEndian(from[56..]),
                BinaryPrimitives.ReadInt32LittleEndian(from[60..])),
            BinaryPrimitives.ReadInt64LittleEndian(from[40..]),
            from[7],
            BinaryPrimitives.ReadUInt16LittleEndian(from[72..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[48..]));
        var belongs = BinaryPrimitives.ReadInt32LittleEndian(from[64..]) == link.Dialler
            && BinaryPrimitives.ReadInt32LittleEndian(from[68..]) == link.Listener
            && from[75] == (fromDialler ? 0 : 1);
        header.Check(belongs, maximumBytes);
        return header;
    }

    private void Check(bool belongs, long maximumBytes)
    {
        if (!belongs)
        {
            throw new RefusedException(Refusal.Header, "a message of another link arrived");
        }

        if (Kind is < MessageKind.Tensors or > MessageKind.Goodbye || Key.Kind is < 0 or > FrameKind.Snapshot)
        {
            throw new RefusedException(Refusal.Header, $"a message of an unknown kind ({(int)Kind}, {(int)Key.Kind}) arrived");
        }

        if (Epoch < 0 || Key.Step < 0 || Key.Stage < 0 || Key.Index < 0)
        {
            throw new RefusedException(Refusal.Header, "a message with a negative epoch, step, stage or index arrived");
        }

        var tableFits = Kind == MessageKind.Tensors ? TensorTable.CanBe(Tensors, TableBytes) : Tensors == 0 && TableBytes == 0 && PayloadBytes == 0;
        if (!tableFits || PayloadBytes < 0 || PayloadBytes > maximumBytes)
        {
            throw new RefusedException(
                Refusal.Size, $"a message with {Tensors} tensors of {PayloadBytes} bytes arrived; at most {PlaneLimits.Tensors} of {maximumBytes} are taken");
        }
    }
}
