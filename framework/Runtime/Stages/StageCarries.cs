using System.Globalization;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>What the slots of a first or last stage's micro-batches carry from step to step. The last stage makes it and saves it; the first one gets
/// it after each commit.</summary>
/// <param name="slots">Of a micro-batch.</param>
/// <param name="first">The index of the replica's first micro-batch among those of all.</param>
internal sealed class StageCarries(CarryDefinition definition, int slots, int microBatches, int first, ScalarType type, Device device) : IDisposable
{
    private readonly Carry[] carries = [.. Enumerable.Range(0, microBatches).Select(_ => new Carry(Zeros(definition, slots, type, device), new long[slots], new long[slots]))];

    public Carry this[int microBatch] => carries[microBatch];

    /// <summary>The carry of a pass of an evaluation, in which all slots have seen their sample equally often.</summary>
    /// <param name="state">From here on the carry's; null on the last stage, which does not read it, and before the first pass.</param>
    public Carry InEvaluation(Tensor? state, int pass) => new(state, [.. Enumerable.Repeat((long)pass, slots)], new long[slots]);

    /// <summary>What the passes of a step leave becomes what the next step's begin with.</summary>
    public void Commit()
    {
        for (var microBatch = 0; microBatch < carries.Length; microBatch++)
        {
            if (carries[microBatch].TakeNext() is { } next)
            {
                carries[microBatch].Dispose();
                carries[microBatch] = next;
            }
        }
    }

    /// <summary>Copies for the first stage: the state, and the table int64 (2, slots) of passes and finished samples.</summary>
    public IReadOnlyList<Tensor> Copy(int microBatch)
    {
        using var scope = NewDisposeScope();
        return [carries[microBatch].State!.clone().DetachFromDisposeScope(), Table(carries[microBatch]).DetachFromDisposeScope()];
    }

    /// <param name="handed">As <see cref="Copy"/> returns them.</param>
    /// <exception cref="InvalidDataException">They have another type or shape, or numbers that cannot be.</exception>
    public void Set(int microBatch, IReadOnlyList<Tensor> handed)
    {
        using var scope = NewDisposeScope();
        using var table = handed[1];
        var state = HandOverContract.Take($"what micro-batch {microBatch} carries", handed[0], type, [slots, .. definition.Shape], device);
        HandOverContract.Check($"the table of micro-batch {microBatch}'s slots", table, ScalarType.Int64, [2, slots]);
        Replace(microBatch, state.DetachFromDisposeScope(), table);
    }

    public IEnumerable<(string Name, Tensor Value)> State() => carries.SelectMany((carry, microBatch) => new[]
    {
        (NameOf(microBatch, "state"), carry.State!),
        (NameOf(microBatch, "slots"), Table(carry)),
    });

    /// <summary>As <see cref="IStageExecutor.Restore"/>.</summary>
    public void Restore(Action<string, Tensor> read)
    {
        using var scope = NewDisposeScope();
        for (var microBatch = 0; microBatch < carries.Length; microBatch++)
        {
            var (state, table) = (Zeros(definition, slots, type, device), zeros([2, slots], ScalarType.Int64));
            read(NameOf(microBatch, "state"), state);
            read(NameOf(microBatch, "slots"), table);
            Replace(microBatch, state, table);
        }
    }

    public void Dispose()
    {
        foreach (var carry in carries)
        {
            carry.Dispose();
        }
    }

    private void Replace(int microBatch, Tensor state, Tensor table)
    {
        var rows = table.cpu().data<long>().ToArray();
        if (rows[..slots].Any(passes => passes < 0 || passes >= definition.Passes) || rows[slots..].Any(samples => samples < 0))
        {
            state.Dispose();
            throw new InvalidDataException(
                $"the table of micro-batch {microBatch}'s slots has numbers that cannot be: passes are from 0 to {definition.Passes - 1}, and samples from 0");
        }

        carries[microBatch].Dispose();
        carries[microBatch] = new(state, rows[..slots], rows[slots..]);
    }

    private string NameOf(int microBatch, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{Checkpoint.CarryPrefix}{first + microBatch}.{what}");

    private static Tensor Table(Carry carry) => tensor([.. carry.Passes, .. carry.Samples], [2L, carry.Passes.Count]);

    private static Tensor Zeros(CarryDefinition definition, int slots, ScalarType type, Device device) =>
        zeros([slots, .. definition.Shape], type, device).DetachFromDisposeScope();
}
