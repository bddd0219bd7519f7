using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Recovery;

/// <summary>Copies a worker's state between two steps, on its own thread, which is all that the steps wait for: shards are written, and snapshots sent,
/// beside them.</summary>
/// <param name="executors">Of the worker's stages.</param>
internal sealed class StateCopier(StageSetup setup, IReadOnlyDictionary<int, IStageExecutor> executors)
{
    /// <param name="start">Who takes snapshots and reports.</param>
    /// <param name="optimizer">When the optimizer last ran, if a shard is written.</param>
    public void Copy(CopyState order, StartStage start, Interval? optimizer)
    {
        using var scope = NewDisposeScope();
        var saved = order.Directory is null ? [] : executors.Values.SelectMany(executor => executor.State()).ToArray();
        var copied = order.Snapshot ? executors.Values.SelectMany(executor => executor.WholeState()) : saved;
        var snapshot = Snapshot.Copy(setup.Worker, order.Step, copied);
        if (order.Directory is { } directory)
        {
            var shared = snapshot.Share(saved.Select(entry => entry.Name));
            _ = Task.Run(() => start.Report(Write(order, directory, shared) with { Optimizer = optimizer }));
        }

        if (order.Snapshot)
        {
            start.Keep(snapshot);
        }
        else
        {
            snapshot.Dispose();
        }
    }

    private ShardSaved Write(CopyState order, string directory, IReadOnlyList<(string Name, Tensor Value)> state)
    {
        try
        {
            if (state.Count == 0)
            {
                return new(order.Epoch, order.Step, setup.Worker, null, null, null);
            }

            var file = setup.Plan.Workers.FileOf(setup.Worker);
            var written = SafeTensorsWriter.Write(Path.Combine(directory, file), state, new Dictionary<string, string>(StringComparer.Ordinal), setup.Faults.WhileWriting(order.Step));
            return new(order.Epoch, order.Step, setup.Worker, new(file, written.Bytes, written.Sha256, [.. state.Select(entry => entry.Name)]), null, null);
        }
        catch (Exception failure)
        {
            return new(order.Epoch, order.Step, setup.Worker, null, FailureSentence.Of(failure), null);
        }
        finally
        {
            foreach (var (_, value) in state)
            {
                value.Dispose();
            }
        }
    }
}
