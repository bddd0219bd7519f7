using System.Globalization;
using Pipeline.Core.Configuration;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Jobs;

/// <summary>What the keys of a job must fulfil together.</summary>
internal static class JobRules
{
    public static IEnumerable<string> Problems(JobFile job) =>
    [
        .. Names(job), .. Batches(job), .. Optimizer(job), .. job.Data.Problems(job), .. Schedule(job), .. Layers(job),
        .. Borders(job), .. Split(job), .. Devices(job),
    ];

    private static IEnumerable<string> Names(JobFile job)
    {
        if (string.IsNullOrWhiteSpace(job.Job.Name))
        {
            yield return "job.name must not be empty";
        }

        if (string.IsNullOrWhiteSpace(job.Job.Directory))
        {
            yield return "job.directory must not be empty";
        }
    }

    private static IEnumerable<string> Batches(JobFile job)
    {
        var (sequences, microBatches) = job.Batch;
        if (sequences % microBatches != 0)
        {
            yield return Text($"batch.sequences must be a multiple of batch.micro-batches, which is {microBatches}, not {sequences}");
        }

        if (microBatches % job.Parallel.Replicas != 0)
        {
            yield return Text($"batch.micro-batches must be a multiple of parallel.replicas, which is {job.Parallel.Replicas}, not {microBatches}");
        }
    }

    private static IEnumerable<string> Optimizer(JobFile job)
    {
        var optimizer = job.Optimizer;
        foreach (var key in NotOf(optimizer))
        {
            yield return $"optimizer.{key} is not a key of the optimizer {optimizer.Kind}";
        }

        if (optimizer.IsLbfgs && job.Parallel is { Replicas: > 1, ShardOptimizer: false })
        {
            yield return "parallel.shard-optimizer must not be false when optimizer.kind is lbfgs";
        }

        if (optimizer.IsLbfgs && job.Model.KeyBesideLoss is { } beside)
        {
            yield return $"{beside} must be 0 when optimizer.kind is lbfgs, which compares losses of the parameters alone";
        }

        var (least, most) = (optimizer.MinLearningRate, optimizer.LearningRate);
        if (least > most && !optimizer.IsLbfgs)
        {
            yield return Text($"optimizer.min-learning-rate must be at most optimizer.learning-rate, which is {most}, not {least}");
        }

        var (warmup, decay) = (optimizer.WarmupSteps, optimizer.DecaySteps);
        if (warmup > decay)
        {
            yield return Text($"optimizer.warmup-steps must be at most optimizer.decay-steps, which is {decay}, not {warmup}");
        }

        if (optimizer.Betas.Count != 2)
        {
            yield return Text($"optimizer.betas must have 2 numbers, not {optimizer.Betas.Count}");
        }

    }

    /// <summary>Keys that the optimizer does not have, where they are given: with another value than the default, or than 0, which turns them off.</summary>
    private static IEnumerable<string> NotOf(OptimizerSettings optimizer)
    {
        var defaults = new OptimizerSettings();
        var isLbfgs = optimizer.IsLbfgs;
        (string Key, bool Is, bool IsDefault)[] keys =
        [
            ("min-learning-rate", !isLbfgs, optimizer.MinLearningRate == defaults.MinLearningRate || optimizer.MinLearningRate == 0),
            ("warmup-steps", !isLbfgs, optimizer.WarmupSteps == defaults.WarmupSteps || optimizer.WarmupSteps == 0),
            ("decay-steps", !isLbfgs, optimizer.DecaySteps == defaults.DecaySteps),
            ("betas", !isLbfgs, optimizer.Betas.SequenceEqual(defaults.Betas)),
            ("epsilon", optimizer.Kind == defaults.Kind, optimizer.Epsilon == defaults.Epsilon),
            ("weight-decay", !isLbfgs, optimizer.WeightDecay == defaults.WeightDecay || optimizer.WeightDecay == 0),
            ("clip-norm", !isLbfgs, optimizer.ClipNorm == defaults.ClipNorm || optimizer.ClipNorm == 0),
            ("ema", !isLbfgs, optimizer.Ema == 0),
            ("history", isLbfgs, optimizer.History == defaults.History),
        ];
        return keys.Where(key => !key.Is && !key.IsDefault).Select(key => key.Key);
    }

    private static IEnumerable<string> Schedule(JobFile job)
    {
        var (parallel, name) = (job.Parallel, job.Parallel.Schedule);
        if (ScheduleCatalog.Names.Contains(name) && job.Batch.MicroBatches % parallel.Replicas == 0)
        {
            var own = ScheduleCatalog.DefaultChunks(name);
            if (ScheduleCatalog.Problem(name, parallel.Stages, own, job.MicroBatchesPerReplica) is { } problem)
            {
                yield return $"parallel.schedule does not fit: {problem}";
            }
            else if (ScheduleCatalog.Problem(name, parallel.Stages, parallel.Chunks ?? own, job.MicroBatchesPerReplica) is { } chunkProblem)
            {
                yield return $"parallel.chunks does not fit: {chunkProblem}";
            }
        }

        if ((name == CustomSchedule.Name) != (parallel.ScheduleFile is not null))
        {
            yield return parallel.ScheduleFile is null
                ? "parallel.schedule-file must name a CSV file when parallel.schedule is custom"
                : $"parallel.schedule-file is for the schedule custom, and parallel.schedule is {name}";
        }

        if (name != AutomaticSchedule.Name && parallel.ActivationLimit is not null)
        {
            yield return $"parallel.activation-limit is for the schedule automatic, and parallel.schedule is {name}";
        }

        if (parallel.MemoryLimit is { } limit && ByteSize.Parse(limit) is null)
        {
            yield return $"parallel.memory-limit must be {ByteSize.Description}, not {QuotedText.Of(limit)}";
        }

        if (!RecomputeRule.IsRule(parallel.Recompute))
        {
            yield return $"parallel.recompute must be none, stage, or a whole number n for every n-th layer, not {QuotedText.Of(parallel.Recompute)}";
        }
    }

    private static IEnumerable<string> Layers(JobFile job)
    {
        var (parallel, layers) = (job.Parallel, job.Model.Layers);
        if (parallel.Stages > layers)
        {
            yield return Text($"parallel.stages must be at most {job.Model.LayersKey}, which is {layers}, not {parallel.Stages}");
        }
        else if (parallel.PipelineStages is { } stages && stages > layers)
        {
            yield return Text($"parallel.stages x parallel.chunks must be at most {job.Model.LayersKey}, which is {layers}, not {parallel.Stages} x {stages / parallel.Stages}");
        }
    }

    private static IEnumerable<string> Borders(JobFile job)
    {
        var (parallel, pieces) = (job.Parallel, job.Model.Pieces);
        if (pieces is null || parallel.Split is not ["auto"])
        {
            yield break;
        }

        if (parallel.PipelineStages is { } stages && stages != pieces.Count)
        {
            yield return Text($"parallel.stages x parallel.chunks must be the number of pieces between the model's borders, which is {pieces.Count}, not {parallel.Stages} x {stages / parallel.Stages}; parallel.split = even or a list cuts elsewhere");
        }
        else if (parallel.Schedule == AutomaticSchedule.Name && parallel.Chunks is null)
        {
            yield return "parallel.chunks must be given with the schedule automatic when the model has borders of its own and parallel.split is auto";
        }
    }

    private static IEnumerable<string> Split(JobFile job)
    {
        var (parallel, split, layers) = (job.Parallel, job.Parallel.Split, job.Model.Layers);
        if (split is ["auto"] or ["even"])
        {
            yield break;
        }

        if (!split.All(IsLayerCount))
        {
            yield return $"parallel.split must be auto, even, or a list of whole numbers of at least 1, not {Shown(split)}";
            yield break;
        }

        if (parallel.Schedule == AutomaticSchedule.Name && parallel.Chunks is null)
        {
            yield return "parallel.split can be a list with the schedule automatic only when parallel.chunks is given";
        }

        if (parallel.PipelineStages is { } stages && split.Count != stages)
        {
            yield return stages == parallel.Stages
                ? Text($"parallel.split must have a number for each stage, and parallel.stages is {stages}, not {split.Count}")
                : Text($"parallel.split must have a number for each chunk of each stage, which is {stages} in all, not {split.Count}");
        }

        var sum = split.Sum(count => long.Parse(count, CultureInfo.InvariantCulture));
        if (sum != layers)
        {
            yield return Text($"parallel.split must add up to {job.Model.LayersKey}, which is {layers}, not {sum}");
        }
    }

    private static IEnumerable<string> Devices(JobFile job)
    {
        foreach (var device in job.Device.Where(device => !IsDevice(device)))
        {
            yield return $"device must be cpu, cuda, or cuda:N such as cuda:0, not {Shown([device])}";
        }

        var (devices, stages, replicas) = (job.Device.Count, job.Parallel.Stages, job.Parallel.Replicas);
        if (job.Parallel.Placement is { } placement && placement.Count != stages * replicas)
        {
            yield return Text($"parallel.placement must have one NODE/DEVICE for each stage of each replica, which is {stages * replicas} in all, not {placement.Count}");
        }

        if (devices != 1 && devices != stages * replicas)
        {
            yield return replicas == 1
                ? Text($"device must be one for all stages or one for each, and parallel.stages is {stages}, not {devices}")
                : Text($"device must be one for all stages or one for each of every replica, and parallel.stages x parallel.replicas is {stages} x {replicas}, not {devices}");
        }
    }

    private static bool IsLayerCount(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0;

    private static bool IsDevice(string text) => text is "cpu" or "cuda"
        || (text.StartsWith("cuda:", StringComparison.Ordinal)
            && byte.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    private static string Shown(IEnumerable<string> values) =>
        QuotedText.Shorten(string.Join(", ", values.Select(QuotedText.Of)));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
