using System.Text.Json;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Recovery;

/// <summary>A snapshot on the wire: a frame with names, types and shapes as JSON (UTF-8), then one for each piece of at most 16 MiB, in order. Frames of
/// a link may overtake each other; their indices say where they belong.</summary>
internal static class SnapshotFrames
{
    private const long MostPieceBytes = 16 << 20;

    /// <summary>Some hundred thousand tensors.</summary>
    private const int MostHeaderBytes = 32 << 20;

    /// <param name="sentAt">Stopwatch ticks.</param>
    public static IEnumerable<Frame> Of(Snapshot snapshot, long epoch, long sentAt)
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(
            snapshot.Tensors.Select(tensor => new Entry(tensor.Name, tensor.Type, tensor.Shape)).ToArray());
        var bytes = TensorMemory.Allocate(ScalarType.Byte, [header.Length]);
        header.CopyTo(new TensorMemory(bytes).Slice(0, header.Length));
        yield return Frame(0, bytes);
        var index = 1;
        foreach (var tensor in snapshot.Tensors)
        {
            var flat = tensor.Pieces.Select(piece => piece.view(-1)).ToArray();
            foreach (var (start, end) in Pieces(tensor))
            {
                yield return Frame(index++, Slice(flat, start, end));
            }

            Array.ForEach(flat, view => view.Dispose());
        }

        Frame Frame(int piece, Tensor payload) => new(epoch, new(snapshot.Step, FrameKind.Snapshot, snapshot.Worker, piece), [payload], sentAt);
    }

    /// <summary>What a header announces: names, and which pieces will come, in order.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static IReadOnlyList<SnapshotTensor> ReadHeader(Tensor header)
    {
        if (header.dtype != ScalarType.Byte || header.numel() > MostHeaderBytes)
        {
            throw new InvalidDataException($"a snapshot's header came as {header.numel()} elements of {header.dtype}");
        }

        try
        {
            var entries = JsonSerializer.Deserialize<Entry[]>(new TensorMemory(header).Slice(0, (int)header.numel())) ?? [];
            return entries.All(entry => entry.Shape.All(size => size >= 0)) && entries.DistinctBy(entry => entry.Name).Count() == entries.Length
                ? [.. entries.Select(entry => new SnapshotTensor(entry.Name, entry.Type, entry.Shape, []))]
                : throw new JsonException("a size is negative, or a name is there twice");
        }
        catch (Exception problem) when (problem is JsonException or OverflowException)
        {
            throw new InvalidDataException($"a snapshot's header is none: {problem.Message}", problem);
        }
    }

    /// <summary>Where a tensor is cut: first elements, and those behind the last. A tensor without elements has no piece.</summary>
    public static IEnumerable<(long Start, long End)> Pieces(SnapshotTensor tensor)
    {
        var most = MostPieceBytes / ElementSize(tensor.Type);
        for (var start = 0L; start < tensor.Elements; start += most)
        {
            yield return (start, Math.Min(start + most, tensor.Elements));
        }
    }

    private static int ElementSize(ScalarType type) => type switch
    {
        ScalarType.Float64 or ScalarType.Int64 => 8,
        ScalarType.Float32 or ScalarType.Int32 => 4,
        ScalarType.BFloat16 or ScalarType.Float16 or ScalarType.Int16 => 2,
        _ => 1,
    };

    /// <summary>A snapshot that came from another process is cut where it is to be cut again.</summary>
    private static Tensor Slice(Tensor[] flat, long start, long end)
    {
        var offset = 0L;
        foreach (var piece in flat)
        {
            if (start >= offset && end <= offset + piece.numel())
            {
                return piece.narrow(0, start - offset, end - start).DetachFromDisposeScope();
            }

            offset += piece.numel();
        }

        throw new InvalidOperationException("the pieces of a snapshot's tensor are cut elsewhere");
    }

    private sealed record Entry(string Name, ScalarType Type, IReadOnlyList<long> Shape);
}
