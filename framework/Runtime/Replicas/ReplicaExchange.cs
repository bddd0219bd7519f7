using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Replicas;

/// <summary>A stage actor's dealings with its ring actor: which buckets are on their way, and which stages may not be used yet. With one
/// replica nothing is ever on its way.</summary>
/// <param name="executors">Of the worker's stages.</param>
internal sealed class ReplicaExchange(StageSetup setup, IReadOnlyDictionary<int, IStageExecutor> executors)
{
    private readonly HashSet<PipelineAction> last =
        [.. setup.Stages.Select(stage => setup.Actions.Last(action => action.Stage == stage && action.GivesWeightGradient))];

    private readonly Dictionary<int, int> missing = [];   // shards of parameters that a stage waits for
    private int summing;

    /// <summary>All gradients that were released have been added up.</summary>
    public bool IsSummed => summing == 0;

    /// <summary>No parameters are on their way.</summary>
    public bool IsFresh => missing.Count == 0;

    /// <summary>The stage has its parameters as of the last commit.</summary>
    public bool IsFreshOn(int stage) => !missing.ContainsKey(stage);

    /// <summary>What takes the buckets that are whole during an action; null where none will be.</summary>
    public Action<int, IReadOnlyList<TorchSharp.torch.Tensor>>? ReleaseDuring(PipelineAction action, long epoch, long step) =>
        setup.Ring is not null && last.Contains(action)
            ? (bucket, shards) => Sum(new(epoch, step, action.Stage, bucket, shards))
            : null;

    /// <summary>Releases what had to wait for the gradients of tied copies.</summary>
    public void ReleaseTied(long epoch, long step)
    {
        foreach (var (stage, executor) in executors)
        {
            executor.Buckets?.ReleaseTied((bucket, shards) => Sum(new(epoch, step, stage, bucket, shards)));
        }
    }

    public void Take(GradientsSummed message)
    {
        summing--;
        executors[message.Stage].Buckets!.SetSums(message.Bucket, message.Shards);
    }

    /// <summary>After the optimizer: with a sharded one each replica has a part of the new parameters.</summary>
    public void Gather(long epoch, long step)
    {
        if (setup.Ring is null || !setup.Plan.Job.Parallel.ShardsOptimizer)
        {
            return;
        }

        foreach (var (stage, executor) in executors)
        {
            for (var bucket = 0; bucket < (executor.Buckets?.Count ?? 0); bucket++)
            {
                missing[stage] = missing.GetValueOrDefault(stage) + setup.Plan.Workers.Replicas - 1;
                setup.Ring.Tell(new GatherParameters(epoch, step, stage, bucket, executor.Buckets!.Values(bucket)));
            }
        }
    }

    /// <returns>The stage is fresh now.</returns>
    public bool Take(ParametersArrived message)
    {
        executors[message.Stage].Buckets!.SetValues(message.Bucket, message.Shard, message.Values);
        return --missing[message.Stage] == 0 && missing.Remove(message.Stage);
    }

    private void Sum(SumGradients message)
    {
        summing++;
        setup.Ring!.Tell(message);
    }
}
