using Pipeline.Core;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Jobs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Planning;

/// <summary>Decides a job's schedule and where its layers are cut. Layers are measured only where the answer depends on it.</summary>
public sealed class JobLayout
{
    /// <summary>Seconds from the end of an action until its frame can start one on another stage actor of the process.</summary>
    private const double HandOverInProcess = 20e-6;

    private readonly OpenedJob opened;
    private readonly Lazy<Planner> planner;

    /// <param name="device">What the layers are measured on.</param>
    /// <param name="profiles">What they cost, where that is known; measured when needed otherwise.</param>
    public JobLayout(OpenedJob opened, Device device, IReadOnlyList<LayerProfile>? profiles = null)
    {
        this.opened = opened;
        var (job, model) = (opened.Job, opened.Model);
        planner = new(() => new(
            profiles ?? new LayerProfiler(model, job, opened.Samples, device).Measure(LayerProfiler.Short),
            new RecomputeRule(job.Parallel.Recompute),
            job.Split,
            HandOverInProcess,
            job.Parallel.MemoryLimit is { } limit ? ByteSize.Parse(limit) : null,
            job.Parallel.ShardsOptimizer ? job.Parallel.Replicas : 1,
            job.Optimizer));
    }

    public Planner Planner => planner.Value;

    /// <summary>The schedule that the job names.</summary>
    /// <exception cref="BadInputException">A custom schedule's file is wrong or does not fit the job, or no automatic one fits its limit.</exception>
    public Schedule Schedule() => opened.Job.Parallel.Schedule switch
    {
        CustomSchedule.Name => Custom(),
        AutomaticSchedule.Name => Automatic(),
        var name => Named(name),
    };

    /// <summary>The number of chunks with which a schedule of the catalog would run this job: the job's for the one that it names, else the
    /// schedule's own.</summary>
    public int ChunksFor(string name) => Given(name) ?? ScheduleCatalog.DefaultChunks(name);

    /// <summary>A schedule of the catalog for this job.</summary>
    public Schedule Named(string name) =>
        ScheduleCatalog.Create(name, opened.Job.Parallel.Stages, ChunksFor(name), opened.Job.MicroBatchesPerReplica);

    /// <summary>What the search finds for this job's layers.</summary>
    public Schedule Automatic()
    {
        var (parallel, layers) = (opened.Job.Parallel, opened.Job.Model.Layers);
        return AutomaticSchedule.Find(
            parallel.Stages,
            opened.Job.MicroBatchesPerReplica,
            Given(AutomaticSchedule.Name) ?? (layers < 2 * parallel.Stages ? 1 : null),
            Planner.Times,
            parallel.ActivationLimit ?? double.PositiveInfinity,
            parallel.MemoryLimit is null ? null : schedule => Planner.Predict(schedule) is not null);
    }

    /// <returns>For each stage of the schedule the range of its layers.</returns>
    /// <exception cref="BadInputException">No cut fits the memory limit.</exception>
    public IReadOnlyList<Range> Cut(Schedule schedule)
    {
        var (parallel, split, layers) = (opened.Job.Parallel, opened.Job.Split, opened.Model.Layers.Count);
        if (split is not ["auto"] && parallel.MemoryLimit is null)
        {
            return split is ["even"] ? LayerSplit.Even(layers, schedule.Stages) : LayerSplit.Listed(layers, split);
        }

        var isForced = schedule.Stages == 1 || schedule.Stages == layers - 2;
        return isForced && parallel.MemoryLimit is null ? LayerSplit.Even(layers, schedule.Stages) : Planner.Predict(schedule)?.Cuts
            ?? throw new BadInputException(
                $"parallel.memory-limit: {(split is ["auto"] ? "no cut of the layers was found that lets" : parallel.Split is ["auto"] ? "the model's own borders do not let" : "this parallel.split does not let")} "
                + $"each stage fit in {parallel.MemoryLimit} with the schedule {schedule.Name}; "
                + "more stages, more micro-batches, or parallel.recompute = stage take less.");
    }

    private int? Given(string name) => opened.Job.Parallel.Schedule == name ? opened.Job.Parallel.Chunks : null;

    private Schedule Custom()
    {
        var (parallel, microBatches) = (opened.Job.Parallel, opened.Job.MicroBatchesPerReplica);
        var file = Path.Combine(opened.Folder, parallel.ScheduleFile!);
        var schedule = CustomSchedule.Read(file);
        var problem = schedule switch
        {
            _ when schedule.Ranks.Count != parallel.Stages => $"has {schedule.Ranks.Count} rows, and parallel.stages is {parallel.Stages}",
            _ when schedule.MicroBatches != microBatches => $"has {schedule.MicroBatches} micro-batches, and {(opened.Job.Parallel.Replicas == 1 ? "batch.micro-batches is" : "batch.micro-batches / parallel.replicas is")} {microBatches}",
            _ when schedule.Stages > opened.Job.Model.Layers => $"has {schedule.Stages} stages, more than {opened.Job.Model.LayersKey}, which is {opened.Job.Model.Layers}",
            _ when parallel.PipelineStages is { } stages && stages != schedule.Stages =>
                $"has {schedule.Stages} stages, and parallel.stages x parallel.chunks is {stages}",
            _ when opened.Job.Split is not (["auto"] or ["even"]) and var split && split.Count != schedule.Stages => parallel.Split is ["auto"]
                ? $"has {schedule.Stages} stages, and the model's borders make {split.Count} pieces"
                : $"has {schedule.Stages} stages, and parallel.split has {split.Count} numbers",
            _ => null,
        };
        return problem is null ? schedule : throw new BadInputException($"parallel.schedule-file: {file} {problem}.");
    }
}
