using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>What the sequences of one micro-batch, its slots, carry from one pass to the next in a model that thinks in several of them (deep
/// supervision, Wang et al. 2025, arXiv:2506.21734). The first layer reads it, and the objective says what follows. A slot keeps its sample until it
/// halts; then it takes its next one. For one thread.</summary>
public sealed class Carry : IDisposable
{
    private readonly long[] passes;
    private readonly long[] samples;

    /// <param name="state">(slots, ...), from here on this object's; null before the first pass.</param>
    /// <param name="passes">How many passes each slot's sample has had.</param>
    /// <param name="samples">How many samples each slot has finished.</param>
    public Carry(Tensor? state, long[] passes, long[] samples) => (State, this.passes, this.samples) = (state, passes, samples);

    /// <summary>(slots, ...), without history. The rows of slots without <see cref="Passes"/> are not to be used. Null where no slot has had a pass.</summary>
    public Tensor? State { get; }

    /// <summary>How many passes each slot's sample has had before this one; 0: it is new.</summary>
    public IReadOnlyList<long> Passes => passes;

    /// <summary>How many samples each slot has finished.</summary>
    public IReadOnlyList<long> Samples => samples;

    /// <summary>What the pass leaves for the next; null before the objective has said so.</summary>
    public Carry? Next { get; private set; }

    public static Carry Empty(int slots) => new(null, new long[slots], new long[slots]);

    /// <summary>bool (slots), true where the sample is new; in the caller's scope.</summary>
    public Tensor IsNew(Device device) => tensor(passes.Select(count => count == 0).ToArray(), device: device);

    /// <summary>Ends the pass. May be said again: the same is said when a pass is recomputed.</summary>
    /// <param name="state">(slots, ...); a copy without history is kept.</param>
    /// <param name="halts">Of each slot: it takes its next sample.</param>
    public void Follow(Tensor state, IReadOnlyList<bool> halts)
    {
        Next?.Dispose();
        Next = new(
            state.detach().clone().DetachFromDisposeScope(),
            [.. passes.Select((count, slot) => halts[slot] ? 0 : count + 1)],
            [.. samples.Select((count, slot) => halts[slot] ? count + 1 : count)]);
    }

    /// <summary><see cref="Next"/>, which is the caller's from here on.</summary>
    public Carry? TakeNext()
    {
        var next = Next;
        Next = null;
        return next;
    }

    public void Dispose()
    {
        State?.Dispose();
        Next?.Dispose();
    }
}

/// <param name="Shape">Of a slot's state.</param>
/// <param name="Passes">The most passes for a sample, and how many an evaluation makes.</param>
public sealed record CarryDefinition(IReadOnlyList<long> Shape, int Passes);
