using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>What every process that holds stages of a run knows of it.</summary>
/// <param name="Schedule">Of one replica.</param>
/// <param name="Samples">Null on a process without a first or last stage: only these read data, unless all need the documents' borders.</param>
/// <param name="Restored">What stages begin with; null where that is their initial state, or comes from elsewhere.</param>
public sealed record StagePlan(JobFile Job, Schedule Schedule, Partition Partition, ISamples? Samples, Checkpoint? Restored = null)
{
    /// <summary>What the summed loss of a whole step is divided by, where there are samples.</summary>
    public long LossDivisor => Partition.Model.Objective.IsPerSequence ? Job.Batch.Sequences : Samples!.TargetsPerStep(Job);

    /// <summary>Where there are samples.</summary>
    public StepTargets Targets => new(Samples!.TargetsPerStep(Job), LossDivisor, Samples is ISamples<double>);

    public Workers Workers => new(Schedule.Ranks.Count, Job.Parallel.Replicas);

    /// <summary>More than a worker's state can have, for whoever takes it from another process.</summary>
    public long MostStateBytes
    {
        get
        {
            var model = Partition.Model.At(Job.Job.Steps);   // it may grow before the next epoch
            var carried = (model.Carry?.Shape.Aggregate(1L, (product, size) => checked(product * size)) ?? 0) * Job.Batch.Sequences;
            return checked(((model.Parameters.Sum(parameter => parameter.Elements) * (4 + Job.Optimizer.States)) + carried) * sizeof(double) + (1L << 30));
        }
    }

    /// <summary>The same run, to be begun behind a step: models that grow are as they are there.</summary>
    /// <param name="checkpoint">Of that step, verified; null where the state comes from elsewhere, or is the initial one.</param>
    /// <exception cref="Pipeline.Core.BadInputException">The checkpoint is not here.</exception>
    public StagePlan At(long step, string? checkpoint) => this with
    {
        Partition = new(Partition.Model.At(step), Partition.Cuts),
        Restored = checkpoint is null ? null : Checkpoint.OpenVerified(checkpoint),
    };

    /// <summary>The pairs of workers that hand each other tensors, the lower number first: neighbours in the pipeline, the owner of a tied
    /// parameter and its copies, the last stage and the first where slots carry something, and the replicas of a stage in a ring.</summary>
    public IReadOnlySet<(int Low, int High)> Links()
    {
        var neighbours = Enumerable.Range(1, Schedule.Stages - 1).Select(stage => (stage - 1, stage));
        var ranks = neighbours.Concat(Partition.TiedCopies.Select(copy => (copy.Owner, copy.Stage)))
            .Concat(Partition.Model.Carry is null ? [] : [(0, Schedule.Stages - 1)])
            .Select(pair => (Schedule.RankOf(pair.Item1), Schedule.RankOf(pair.Item2))).ToArray();
        var workers = Workers;
        var links = new HashSet<(int, int)>();
        for (var replica = 0; replica < workers.Replicas; replica++)
        {
            links.UnionWith(ranks.Select(pair => Ordered(workers.Of(replica, pair.Item1), workers.Of(replica, pair.Item2))));
            for (var rank = 0; rank < workers.Ranks; rank++)
            {
                var worker = workers.Of(replica, rank);
                links.Add(Ordered(worker, workers.Next(worker)));
            }
        }

        links.RemoveWhere(pair => pair.Item1 == pair.Item2);
        return links;
    }

    /// <summary>The executor of one stage of a worker, with its initial or restored values. Called on the worker's own thread.</summary>
    public StageExecutor CreateExecutor(int worker, int stage, Device device)
    {
        set_num_threads(Job.Parallel.ThreadsPerStage);   // holds for the calling thread
        var executor = new StageExecutor(this, stage, Workers.ReplicaOf(worker), device);
        using var reader = Restored?.Read();
        if (reader is not null)
        {
            executor.Restore(reader.ReadInto);
        }

        return executor;
    }

    private static (int, int) Ordered(int one, int other) => (Math.Min(one, other), Math.Max(one, other));
}
