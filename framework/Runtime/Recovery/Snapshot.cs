using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Recovery;

/// <summary>Everything that a worker needs to go on after a step, in host memory, by the names of a checkpoint: its parameters, tied copies too, its part
/// of the optimizer's state, averages, and what slots carry.</summary>
internal sealed class Snapshot : IDisposable
{
    private readonly Dictionary<string, SnapshotTensor> byName;

    /// <param name="tensors">The snapshot's from here on.</param>
    public Snapshot(int worker, long step, IReadOnlyList<SnapshotTensor> tensors)
    {
        (Worker, Step, Tensors) = (worker, step, tensors);
        byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    public int Worker { get; }

    /// <summary>The last one whose update is in it.</summary>
    public long Step { get; }

    public IReadOnlyList<SnapshotTensor> Tensors { get; }

    public long Bytes => Tensors.Sum(tensor => tensor.Bytes);

    /// <summary>Copies tensors from their device.</summary>
    /// <param name="state">Of several with one name, which have one value, the first is taken.</param>
    public static Snapshot Copy(int worker, long step, IEnumerable<(string Name, Tensor Value)> state)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return new(worker, step, [.. state.DistinctBy(entry => entry.Name).Select(entry => new SnapshotTensor(
            entry.Name, entry.Value.dtype, entry.Value.shape, [HostCopy(entry.Value)]))]);
    }

    /// <summary>Overwrites a tensor with the one of that name.</summary>
    /// <exception cref="InvalidDataException">There is none, or it has another type or shape.</exception>
    public void ReadInto(string name, Tensor destination)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        if (!byName.TryGetValue(name, out var stored) || stored.Type != destination.dtype || !stored.Shape.SequenceEqual(destination.shape))
        {
            throw new InvalidDataException(
                $"the snapshot of step {Step} has {(stored is null ? "no" : $"{stored.Type} [{string.Join(", ", stored.Shape)}] as")} {name}, "
                + $"and {destination.dtype} [{string.Join(", ", destination.shape)}] is needed");
        }

        var flat = destination.detach().view(-1);
        var start = 0L;
        foreach (var piece in stored.Pieces)
        {
            flat.narrow(0, start, piece.numel()).copy_(piece.view(-1));
            start += piece.numel();
        }
    }

    /// <summary>The tensors of these names as they are in memory: valid after the snapshot is disposed too. The caller's.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Share(IEnumerable<string> names) =>
        [.. names.Select(name => (name, byName[name].Pieces.Single().alias().DetachFromDisposeScope()))];

    public void Dispose()
    {
        foreach (var piece in Tensors.SelectMany(tensor => tensor.Pieces))
        {
            piece.Dispose();
        }
    }

    private static Tensor HostCopy(Tensor value)
    {
        var copy = TensorMemory.Allocate(value.dtype, value.shape);
        copy.copy_(value);
        return copy;
    }
}

/// <param name="Pieces">Its elements in C order: the whole, or flat pieces of it as they came from another process.</param>
internal sealed record SnapshotTensor(string Name, ScalarType Type, IReadOnlyList<long> Shape, IReadOnlyList<Tensor> Pieces)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));

    public long Bytes => Pieces.Sum(piece => piece.numel() * piece.ElementSize);
}
