using System.Globalization;
using Pipeline.Core.Configuration;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Jobs;

/// <summary>A job as resolved: every key of the file with its value. Keys are the parameter names in kebab-case
/// (<c>MicroBatches</c> is <c>micro-batches</c>); a parameter with a default may be left out.</summary>
/// <param name="Device"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>: one for all stages, or one for each.</param>
public sealed record JobFile(
    JobSettings Job,
    ModelSettings Model,
    DataSettings Data,
    BatchSettings Batch,
    ParallelSettings Parallel,
    OptimizerSettings Optimizer,
    PrecisionSettings Precision,
    EvaluationSettings Evaluation,
    CheckpointSettings Checkpoint,
    RecoverySettings Recovery,
    IReadOnlyList<string>? Device = null) : ICheckedSettings
{
    public IReadOnlyList<string> Device { get; init; } = Device ?? ["cpu"];

    public int MicroBatchesPerReplica => Batch.MicroBatches / Parallel.Replicas;

    public int SequencesPerMicroBatch => Batch.Sequences / Batch.MicroBatches;

    /// <summary>How the layers are cut: <c>parallel.split</c>, or, where that is <c>auto</c> and the model has borders of its own, the layers between them.</summary>
    public IReadOnlyList<string> Split => Parallel.Split is ["auto"] && Model.Pieces is { } pieces
        ? [.. pieces.Select(layers => layers.ToString(CultureInfo.InvariantCulture))]
        : Parallel.Split;

    public string? Problem() => JobRules.Problems(this).FirstOrDefault();
}

/// <param name="Steps">Optimizer steps in all, those of earlier runs (<c>--resume</c>) included.</param>
/// <param name="Directory">The run directory, relative to the working directory.</param>
public sealed record JobSettings(
    string Name = "run",
    long Seed = 1,
    [Limits(1)] long Steps = 1000,
    string Directory = "runs/run");

/// <summary>What every architecture has. An architecture derives its own record with its own keys.</summary>
/// <param name="Context">Tokens of a training sequence.</param>
/// <param name="Vocabulary">Rows of the embedding, at least as many as the tokenizer has tokens; as many without it.</param>
public abstract record ModelSettings(string Architecture, int Layers, int Width, int Context, int? Vocabulary = null)
{
    /// <summary>What decides how many layers there are, in a sentence before "which is 4".</summary>
    public virtual string LayersKey => "model.layers";

    /// <summary>Layers of each piece, in the order of the model, where the settings have borders between stages; null where they have none.</summary>
    public virtual IReadOnlyList<int>? Pieces => null;

    /// <summary>A key that is not 0, so that the gradients are not those of the reported loss, or that is drawn anew in each step: dropout, or what routers
    /// minimize beside it. Null where there is none.</summary>
    public virtual string? KeyBesideLoss => null;
}

/// <param name="Sequences">Sequences of a whole step, over all micro-batches and replicas.</param>
public sealed record BatchSettings([Limits(1, 1_000_000)] int Sequences = 12, [Limits(1, 10_000)] int MicroBatches = 4);

/// <param name="Stages">Stage actors, each on a device of its own: the schedule's ranks.</param>
/// <param name="Chunks">Pieces of the model that each of them holds; the schedule's own number without it.</param>
/// <param name="ScheduleFile">With the schedule <c>custom</c>: a CSV file with a row for each stage actor, relative to the job file.</param>
/// <param name="ActivationLimit">With the schedule <c>automatic</c>: the most activations alive at once on a stage actor, in micro-batches.</param>
/// <param name="MemoryLimit">Bytes that a stage actor may take for parameters, gradients, optimizer state and activations.</param>
/// <param name="Replicas">Copies of the whole pipeline, each with its share of the micro-batches; gradients are summed over them.</param>
/// <param name="ShardOptimizer">Each replica keeps the optimizer's state of its part of the parameters alone and updates it for all; without it, where there are several.</param>
/// <param name="Placement">On a cluster, where each stage of each replica runs: <c>NODE/DEVICE</c>, such as <c>alpha/cuda:0</c>; chosen without it.</param>
/// <param name="Split"><c>auto</c> (at the model's own borders where it has some, balanced by measured times otherwise), <c>even</c> (by count), or a list: layers of each chunk, in the order of the model.</param>
/// <param name="Recompute"><c>none</c>, <c>stage</c> (keep a stage's input alone and run it forward again before its backward), or n: so for every n-th layer.</param>
public sealed record ParallelSettings(
    [Limits(1, 1024)] int Stages = 1,
    [ScheduleName] string Schedule = "1f1b",
    [Limits(1, 1024)] int? Chunks = null,
    string? ScheduleFile = null,
    [Limits(1)] double? ActivationLimit = null,
    string? MemoryLimit = null,
    [Limits(1, 1024)] int Replicas = 1,
    bool? ShardOptimizer = null,
    [Limits(1, 1024)] int ThreadsPerStage = 1,
    IReadOnlyList<string>? Placement = null,
    IReadOnlyList<string>? Split = null,
    string Recompute = "none")
{
    public IReadOnlyList<string> Split { get; init; } = Split ?? ["auto"];

    /// <summary>As resolved: with several replicas it saves memory and costs no more, and one replica's part is everything.</summary>
    public bool ShardsOptimizer => Replicas > 1 && ShardOptimizer != false;

    /// <summary>Stages of the whole pipeline, over all stage actors; null where a file or a search decides.</summary>
    public int? PipelineStages => (Chunks ?? (ScheduleCatalog.Names.Contains(Schedule) ? ScheduleCatalog.DefaultChunks(Schedule) : null)) * Stages;
}

/// <param name="LearningRate">With <c>lbfgs</c> the length at which a direction is tried first.</param>
/// <param name="DecaySteps">The step at which the cosine reaches <paramref name="MinLearningRate"/>; it stays there.</param>
/// <param name="Epsilon">Of AdamW.</param>
/// <param name="WeightDecay">Decoupled; applied to matrices only.</param>
/// <param name="ClipNorm">The largest global gradient norm; 0 turns clipping off.</param>
/// <param name="Ema">The share that an average of the parameters keeps of itself in each step; evaluations, and whoever uses the model afterwards, take the
/// averages. 0: there are none.</param>
/// <param name="History">Pairs of steps and changes of the gradient that <c>lbfgs</c> remembers.</param>
public sealed record OptimizerSettings(
    [OneOf("adamw", "adam-atan2", OptimizerSettings.Lbfgs)] string Kind = "adamw",
    [Limits(0)] double LearningRate = 1e-3,
    [Limits(0)] double MinLearningRate = 1e-4,
    [Limits(0)] long WarmupSteps = 100,
    [Limits(1)] long DecaySteps = 2000,
    [Limits(0, 1, ExcludeMaximum = true)] IReadOnlyList<double>? Betas = null,
    [Limits(0, ExcludeMinimum = true)] double Epsilon = 1e-8,
    [Limits(0)] double WeightDecay = 0.1,
    [Limits(0)] double ClipNorm = 1.0,
    [Limits(0, 1, ExcludeMaximum = true)] double Ema = 0,
    [Limits(1, 100)] int History = 10)
{
    public const string Lbfgs = "lbfgs";

    public bool IsLbfgs => Kind == Lbfgs;

    /// <summary>Numbers that it keeps for each of a parameter's elements: two moments, or vectors and pairs.</summary>
    public int States => IsLbfgs ? 3 + (2 * History) : 2;

    public IReadOnlyList<double> Betas { get; init; } = Betas ?? [0.9, 0.99];
}

public sealed record PrecisionSettings(
    [OneOf("float32", "bfloat16", "float64")] string Parameters = "float32",
    [OneOf("float32", "bfloat16", "float64")] string Compute = "float32");

/// <param name="Every">Steps between evaluations; 0 turns them off. The last step is always evaluated when they are on.</param>
/// <param name="Batches">Whole batches an evaluation averages over; the same ones each time.</param>
/// <param name="BeforeFirstStep">Evaluate once before the first step too (an event, since no step has been taken).</param>
public sealed record EvaluationSettings(
    [Limits(0)] long Every = 100,
    [Limits(1, 100_000)] int Batches = 20,
    bool BeforeFirstStep = false);

/// <param name="Every">Steps between checkpoints; 0 leaves only the one at the end.</param>
/// <param name="Keep">How many of the newest are kept.</param>
public sealed record CheckpointSettings([Limits(0)] long Every = 100, [Limits(1)] int Keep = 3);

/// <param name="SnapshotEvery">Committed steps between copies of the stages' state in the memory of two processes, from which a run goes on when it
/// has lost a process or a node; 0 turns them off, and it goes on from the newest checkpoint.</param>
/// <param name="Spares">Nodes that hold no stage but are ready to take one at once; <c>--processes</c> starts as many more.</param>
/// <param name="MostSkips">So many steps in a row whose loss or gradient is not a finite number end the run.</param>
public sealed record RecoverySettings([Limits(0)] long SnapshotEvery = 10, [Limits(0, 256)] int Spares = 0, [Limits(1)] int MostSkips = 10);
