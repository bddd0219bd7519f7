using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>What a stage keeps of one batch of sequences from one call of a generation to the next: keys and values, convolution and
/// state-space states, by names that are unique in the model. For one thread.</summary>
public sealed class Cache : IDisposable
{
    private readonly Dictionary<string, Tensor> kept = new(StringComparer.Ordinal);

    /// <summary>Tokens of each sequence that earlier calls have seen: the position of this call's first.</summary>
    public long Length { get; private set; }

    /// <summary>What <see cref="Set"/> has kept; null before.</summary>
    public Tensor? Get(string name) => kept.GetValueOrDefault(name);

    /// <summary>Keeps a value beyond the caller's dispose scope, in place of the one before.</summary>
    public void Set(string name, Tensor value) => Keep(name, value.clone());   // a view would keep what it is a view of

    /// <summary>What was kept and <paramref name="value"/> behind it, which is kept then.</summary>
    /// <returns>Belongs to the cache.</returns>
    public Tensor Append(string name, Tensor value, long dimension)
    {
        Keep(name, kept.TryGetValue(name, out var before) ? cat([before, value], dimension) : value.clone());
        return kept[name];
    }

    /// <summary>All layers of the stage have seen these tokens.</summary>
    public void Advance(long tokens) => Length += tokens;

    public void Dispose()
    {
        foreach (var tensor in kept.Values)
        {
            tensor.Dispose();
        }

        kept.Clear();
    }

    /// <param name="value">With memory of its own.</param>
    private void Keep(string name, Tensor value)
    {
        var detached = value.detach().DetachFromDisposeScope();
        if (kept.Remove(name, out var before))
        {
            before.Dispose();
        }

        kept.Add(name, detached);
    }
}
