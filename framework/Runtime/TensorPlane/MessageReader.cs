using System.Buffers.Binary;
using System.IO.Hashing;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Takes one connection's messages apart. A small buffer takes headers and what came with them; large payloads are read straight
/// into the new tensors' memory.</summary>
/// <param name="fromDialler">Which end of the link sends them.</param>
/// <param name="maximumBytes">Of a message's payload.</param>
internal sealed class MessageReader(Stream stream, LinkName link, bool fromDialler, long maximumBytes)
{
    /// <summary>Bytes that are hashed while they are still in the processor's cache.</summary>
    public const int PieceBytes = 512 << 10;

    private readonly GatheringStream? gathering = stream as GatheringStream;
    private readonly byte[] buffer = new byte[16 << 10];
    private readonly XxHash3 hash = new();
    private int start;
    private int end;
    private long sequence;

    /// <summary>Nothing of a further message is here yet; the connection may have more.</summary>
    public bool IsEmpty => start == end;

    /// <summary>Waits for a message and checks all but its payload.</summary>
    /// <returns>The shapes of the tensors that follow, for <see cref="ReadTensors"/>.</returns>
    /// <exception cref="RefusedException">Not one that this link can take now.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public (MessageHeader Header, TensorShape[] Shapes) Next()
    {
        var header = MessageHeader.Read(Take(MessageHeader.Size), link, fromDialler, maximumBytes);
        if (header.Sequence != sequence)
        {
            throw new RefusedException(Refusal.Sequence, $"message {header.Sequence} arrived where {sequence} was due");
        }

        sequence++;
        return (header, header.Kind == MessageKind.Tensors ? TensorTable.Read(Take(header.TableBytes), header.Tensors, header.PayloadBytes) : []);
    }

    /// <returns>The caller's; null when they arrived damaged.</returns>
    /// <exception cref="IOException">The connection broke.</exception>
    public Tensor[]? ReadTensors(TensorShape[] shapes)
    {
        var tensors = new List<Tensor>(shapes.Length);
        var isWhole = false;
        try
        {
            foreach (var shape in shapes)
            {
                var tensor = TensorMemory.Allocate(WireType.Type(shape.Type), shape.Dimensions);
                tensors.Add(tensor);
                Fill(new TensorMemory(tensor));
                GC.KeepAlive(tensor);
            }

            isWhole = BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong))) == hash.GetCurrentHashAsUInt64();
            return isWhole ? [.. tensors] : null;
        }
        finally
        {
            hash.Reset();
            if (!isWhole)
            {
                tensors.ForEach(tensor => tensor.Dispose());
            }
        }
    }

    private void Fill(TensorMemory memory)
    {
        for (var at = 0L; at < memory.Length;)
        {
            var piece = memory.Slice(at, (int)Math.Min(PieceBytes, memory.Length - at));
            var have = Math.Min(piece.Length, end - start);
            buffer.AsSpan(start, have).CopyTo(piece);
            start += have;
            if (gathering is not null)
            {
                Gather(piece[have..]);
            }
            else if (piece.Length - have >= buffer.Length)
            {
                stream.ReadExactly(piece[have..]);
            }
            else if (have < piece.Length)
            {
                Take(piece.Length - have).CopyTo(piece[have..]);
            }

            hash.Append(piece);
            at += piece.Length;
        }
    }

    /// <summary>Fills a piece, and the buffer with what follows it, in as few calls as the bytes arrive in. The buffer is empty before.</summary>
    private void Gather(Span<byte> piece)
    {
        while (piece.Length > 0)
        {
            var count = gathering!.Read(piece, buffer);
            var ofPiece = Math.Min(count, piece.Length);
            piece = piece[ofPiece..];
            (start, end) = (0, count - ofPiece);
        }
    }

    /// <returns>The next bytes, at most as many as the buffer holds; valid until the next call.</returns>
    private ReadOnlySpan<byte> Take(int count)
    {
        if (end - start < count)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            end += stream.ReadAtLeast(buffer.AsSpan(end), count - end);
        }

        start += count;
        return buffer.AsSpan(start - count, count);
    }
}
