using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The sizes of a state-space scan.</summary>
/// <param name="HeadsPerGroup">Neighbouring heads that share b and c.</param>
/// <param name="Chunk">Tokens of a chunk; the last one may be shorter.</param>
internal sealed record ScanShape(
    long Sequences, long Length, long Groups, long HeadsPerGroup, long HeadSize, long StateSize, long Chunk, bool OnProcessor)
{
    /// <summary>Elements of the largest array of a span on a CPU: with its neighbours it stays in the second-level cache.</summary>
    private const long CachedElements = 1 << 17;

    public long Heads => Groups * HeadsPerGroup;

    public long[] Output => [Sequences, Length, Heads, HeadSize];

    public long OutputElements => Sequences * Length * Heads * HeadSize;

    public long StateElements => Sequences * Heads * HeadSize * StateSize;

    public long[] State => [Sequences, Heads, HeadSize, StateSize];

    public static ScanShape Of(Tensor input, Tensor b, int chunk)
    {
        if (input.dim() != 4 || b.dim() != 4 || input.shape[1] == 0 || b.shape[2] == 0 || input.shape[2] % b.shape[2] != 0 || chunk < 1)
        {
            throw new ArgumentException(
                $"A state-space scan takes x (sequences, length, heads, head size), b (sequences, length, groups, state) and a chunk of at least 1, "
                + $"not [{string.Join(", ", input.shape)}], [{string.Join(", ", b.shape)}] and {chunk}.", nameof(input));
        }

        var (length, heads, groups) = (input.shape[1], input.shape[2], b.shape[2]);
        return new(input.shape[0], length, groups, heads / groups, input.shape[3], b.shape[3], Math.Min(chunk, length), input.device_type == DeviceType.CPU);
    }

    /// <summary>Output and last state, which lie one behind the other in one dimension.</summary>
    public (Tensor Output, Tensor State) Parts(Tensor both)
    {
        var parts = both.split([OutputElements, StateElements]);
        return (parts[0].view(Output), parts[1].view(State));
    }

    /// <summary>The chunks in order, those that are computed together as one.</summary>
    public IReadOnlyList<ChunkSpan> Spans()
    {
        var atOnce = OnProcessor ? Math.Max(1, CachedElements / (Sequences * Heads * Chunk * Math.Max(Chunk, HeadSize))) : Length;
        var spans = new List<ChunkSpan>();
        for (var start = 0L; start < Length;)
        {
            var chunks = Math.Min(atOnce, (Length - start) / Chunk);
            spans.Add(chunks > 0 ? new(this, start, chunks, Chunk) : new(this, start, 1, Length - start));
            start += spans[^1].Tokens;
        }

        return spans;
    }
}
