using System.Buffers.Binary;
using System.IO.Hashing;
using Pipeline.Tensors.Frames;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Writes one connection's messages. What is small waits in a buffer for <see cref="Flush"/>, so that several messages cost one write;
/// large payloads are written straight from the tensors' memory.</summary>
/// <param name="fromDialler">Which end of the link this is.</param>
internal sealed class MessageWriter(Stream stream, LinkName link, bool fromDialler)
{
    /// <summary>Below it, copying costs less than a write of its own.</summary>
    private const int SmallBytes = 64 << 10;

    private readonly byte[] buffer = new byte[3 * SmallBytes];
    private readonly XxHash3 hash = new();
    private int used;

    /// <summary>Of the next message.</summary>
    public long Sequence { get; private set; }

    /// <param name="reference">The message that it is about.</param>
    public void Write(MessageKind kind, long reference) => Write(new MessageHeader(kind, Sequence, reference));

    public void Write(Credit credit) =>
        Write(new MessageHeader(MessageKind.Credit, Sequence, Sequence, credit.Epoch, new(0, credit.Kind, credit.Stage, 0)));

    /// <param name="frame">Its tensors contiguous and on the CPU; they may go when this returns.</param>
    /// <param name="sentAt">Nanoseconds of this process's monotonic clock.</param>
    /// <param name="original">The message's number when it was first sent, which may be now.</param>
    public void Write(Frame frame, long sentAt, long original)
    {
        var tensors = frame.Payload;
        Span<byte> table = stackalloc byte[TensorTable.MostBytes];
        table = table[..TensorTable.Write(table, tensors)];
        var bytes = tensors.Sum(tensor => tensor.numel() * tensor.ElementSize);
        Write(new MessageHeader(MessageKind.Tensors, Sequence, original, frame.Epoch, frame.Key, sentAt, tensors.Count, table.Length, bytes));
        Put(table);
        foreach (var tensor in tensors)
        {
            var memory = new TensorMemory(tensor);
            for (var at = 0L; at < memory.Length; at += MessageReader.PieceBytes)
            {
                var piece = memory.Slice(at, (int)Math.Min(MessageReader.PieceBytes, memory.Length - at));
                hash.Append(piece);
                Put(piece);
            }

            GC.KeepAlive(tensor);
        }

        Span<byte> checksum = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(checksum, hash.GetCurrentHashAsUInt64());
        hash.Reset();
        Put(checksum);
    }

    public void Flush()
    {
        if (used > 0)
        {
            stream.Write(buffer.AsSpan(0, used));
            used = 0;
        }
    }

    private void Write(MessageHeader header)
    {
        Span<byte> bytes = stackalloc byte[MessageHeader.Size];
        header.Write(bytes, link, fromDialler);
        Put(bytes);
        Sequence++;
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > buffer.Length - used || bytes.Length > SmallBytes)
        {
            Flush();
        }

        if (bytes.Length > SmallBytes)
        {
            stream.Write(bytes);
            return;
        }

        bytes.CopyTo(buffer.AsSpan(used));
        used += bytes.Length;
    }
}
