using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pipeline.Tensors.Frames;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Writes one connection's messages. What is small waits in a buffer for <see cref="Flush"/>, so that several messages cost one write;
/// large payloads are written straight from the tensors' memory, with what is around them where the system can.</summary>
/// <param name="fromDialler">Which end of the link this is.</param>
internal sealed class MessageWriter(Stream stream, LinkName link, bool fromDialler)
{
    /// <summary>Below it, copying costs less than a write of its own, where header and payload cannot go in one.</summary>
    private const int SmallBytes = 64 << 10;

    /// <summary>The same where they can.</summary>
    private const int SmallGathered = 8 << 10;

    /// <summary>Bytes that go in one write: fewer cost more trips to the kernel, more let the peer wait.</summary>
    private const int GatheredBytes = 512 << 10;

    private readonly GatheringStream? gathering = stream as GatheringStream;
    private readonly List<MemoryPiece> pieces = [];
    private readonly byte[] buffer = GC.AllocateUninitializedArray<byte>(3 * SmallBytes, pinned: true);
    private readonly XxHash3 hash = new();
    private nint gathered;
    private int used;

    /// <summary>Of the next message.</summary>
    public long Sequence { get; private set; }

    /// <param name="reference">The message that it is about.</param>
    public void Write(MessageKind kind, long reference) => Write(new MessageHeader(kind, Sequence, reference));

    public void Write(Credit credit) =>
        Write(new MessageHeader(MessageKind.Credit, Sequence, Sequence, credit.Epoch, new(0, credit.Kind, credit.Stage, 0)));

    /// <param name="frame">Its tensors contiguous and on the CPU; they must stay until the next <see cref="Flush"/>.</param>
    /// <param name="sentAt">Nanoseconds of this process's monotonic clock.</param>
    /// <param name="original">The message's number when it was first sent, which may be now.</param>
    /// <param name="flips">A bit of the payload is flipped behind the checksum's back: for drills.</param>
    public void Write(Frame frame, long sentAt, long original, bool flips = false)
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
                if (flips)
                {
                    PutFlipped(piece);
                    flips = false;
                }
                else
                {
                    Put(piece);
                }
            }

            GC.KeepAlive(tensor);
        }

        Span<byte> checksum = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(checksum, hash.GetCurrentHashAsUInt64());
        hash.Reset();
        Put(checksum);
    }

    /// <summary>Takes the next message's number and sends nothing of it, for drills. Another message follows, so that the peer finds the gap.</summary>
    public void LeaveOut()
    {
        Sequence++;
        Write(MessageKind.Acknowledgement, -1);
    }

    public void Flush()
    {
        if (gathering is not null && pieces.Count > 0)
        {
            gathering.Write(CollectionsMarshal.AsSpan(pieces));
        }
        else if (used > 0)
        {
            stream.Write(buffer.AsSpan(0, used));
        }

        pieces.Clear();
        (gathered, used) = (0, 0);
    }

    private void Write(MessageHeader header)
    {
        Span<byte> bytes = stackalloc byte[MessageHeader.Size];
        header.Write(bytes, link, fromDialler);
        Put(bytes);
        Sequence++;
    }

    /// <summary>The copy need not outlive the call.</summary>
    private void PutFlipped(ReadOnlySpan<byte> bytes)
    {
        var copy = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(copy);
        copy[copy.Length / 2] ^= 0x10;
        Put(copy);
        Flush();
        GC.KeepAlive(copy);
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        if (gathering is not null && bytes.Length > SmallGathered)
        {
            Gather(bytes);
            return;
        }

        if (bytes.Length > buffer.Length - used || bytes.Length > SmallBytes)
        {
            Flush();
        }

        if (bytes.Length > SmallBytes)
        {
            stream.Write(bytes);
            return;
        }

        var copy = buffer.AsSpan(used, bytes.Length);
        bytes.CopyTo(copy);
        used += bytes.Length;
        if (gathering is not null)
        {
            Gather(copy);
        }
    }

    /// <summary>Adds memory that stays where it is to the next write.</summary>
    private unsafe void Gather(ReadOnlySpan<byte> bytes)
    {
        var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
        if (pieces.Count > 0 && pieces[^1].IsBefore(start))
        {
            pieces[^1] = pieces[^1].Longer(bytes.Length);
        }
        else
        {
            pieces.Add(new(start, bytes.Length));
        }

        gathered += bytes.Length;
        if (gathered >= GatheredBytes)
        {
            Flush();
        }
    }
}
