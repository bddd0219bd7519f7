using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Faults;
using Pipeline.Core.Jobs;
using Pipeline.Core.Optimization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Runs;

/// <summary>What a run's coordinator and those who show the run know of it. It is made where the job was opened, and again from a message on any node: nothing in it
/// reads data.</summary>
public sealed class RunPlan
{
    private readonly List<string> warnings;

    /// <param name="stages">With or without samples.</param>
    /// <param name="warnings">So far.</param>
    /// <param name="instructionSet">Of this process's libtorch; that of the run's nodes comes with <see cref="Place(IReadOnlyList{WorkerPlace}, string)"/>.</param>
    internal RunPlan(StagePlan stages, RunDirectory directory, FrozenData data, IEnumerable<string> warnings, string instructionSet)
    {
        (Stages, Directory, Data, InstructionSet) = (stages, directory, data, instructionSet);
        this.warnings = [.. warnings];
    }

    public StagePlan Stages { get; }

    public RunDirectory Directory { get; }

    public FrozenData Data { get; }

    /// <summary>As resolved: <c>parallel.split</c> says how the layers are cut.</summary>
    public JobFile Job => Stages.Job;

    public Schedule Schedule => Stages.Schedule;

    public Partition Partition => Stages.Partition;

    /// <summary>What the run continues from; null when it starts anew.</summary>
    public ResumedFrom? Resumed { get; init; }

    /// <summary>Where each worker runs; none before that is known.</summary>
    public IReadOnlyList<WorkerPlace> Places { get; private set; } = [];

    /// <summary>What the user should know of before the start, one sentence each.</summary>
    public IReadOnlyList<string> Warnings => warnings;

    /// <summary>What is to go wrong in the run, for drills.</summary>
    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>What the run continues from is another run's: this one begins in a directory of its own.</summary>
    public bool Branches { get; init; }

    /// <summary>Newer checkpoints of the run than the one that it continues from, which cannot be used, by path.</summary>
    public IReadOnlyCollection<string> PassedOver { get; init; } = [];

    /// <summary>Of libtorch's kernels, on all nodes of the run.</summary>
    public string InstructionSet { get; internal set; }

    /// <summary>Where each worker runs and what it holds.</summary>
    public IReadOnlyList<StageSummary> Summaries => [.. Places.Select((place, worker) => Describe(worker, place))];

    /// <summary>Of a checkpoint of the run.</summary>
    /// <param name="optimizer">What the optimizer keeps beside the shards.</param>
    public Manifest Manifest(long step, long epoch, IReadOnlyList<Shard> shards, LbfgsState? optimizer) => new(
        Checkpoints.Manifest.CurrentFormat,
        step,
        epoch,
        Job.Job.Seed,
        Data.Tokenizer,
        Data.Characters,
        Data.Files,
        SettingsWriter.Write(Job),
        shards,
        Schedule.AccumulatesAscending,
        InstructionSet,
        Data.Folder,
        Data.Vocabulary,
        Resumed?.HuggingFace,
        Data.TokenizerFiles,
        optimizer);

    /// <summary>Takes the run directory. A run that is continued is taken up in it, and those of its checkpoints that it no longer goes through are
    /// set aside; any other run there is moved aside.</summary>
    /// <param name="run">The run's secret; none in a run of one process.</param>
    /// <exception cref="BadInputException">Another run has it, or it cannot be written.</exception>
    internal void TakeDirectory(Guid run)
    {
        var (job, schedule) = (SettingsWriter.Write(Job), Schedule.ToCsv());
        if (Branches || Resumed is null)
        {
            Directory.Begin(job, schedule, run);
        }
        else
        {
            warnings.AddRange(Directory.Continue(job, schedule, Resumed.Step, PassedOver, run, Resumed.Epoch));
        }
    }

    /// <summary>It has been chosen where the workers begin.</summary>
    /// <param name="instructionSet">Of the nodes.</param>
    /// <exception cref="BadInputException">A fault that was asked for cannot be had there.</exception>
    internal void Place(IReadOnlyList<WorkerPlace> places, string instructionSet)
    {
        (Places, InstructionSet) = (places, instructionSet);
        FaultChecks.CheckWires(this);
        if (Resumed?.InstructionSet is { } then && then != InstructionSet)
        {
            warnings.Add(
                $"{Resumed.Directory} was trained with {then} and this run uses {InstructionSet}, so its losses can differ from the uninterrupted run's in the last "
                + "digits; where the processor has it, pipeline.instruction-set in the file of --config asks for the same.");
        }
    }

    /// <summary>Workers have moved.</summary>
    internal void Place(IReadOnlyList<WorkerPlace> places) => Places = places;

    private StageSummary Describe(int worker, WorkerPlace place)
    {
        var rank = Stages.Workers.RankOf(worker);
        var chunks = Schedule.StagesOf[rank].Select(stage => Partition.Model.Layers.Take(Partition.Cuts[stage]).ToArray()).ToArray();
        var tied = Partition.TiedCopies.Where(copy => Schedule.RankOf(copy.Stage) == rank).Sum(copy => copy.Parameter.Elements);
        return new(
            rank,
            string.Join(", ", chunks.Select(layers => layers.Length == 1 ? layers[0].Name : $"{layers[0].Name} to {layers[^1].Name}")),
            chunks.SelectMany(layers => layers).SelectMany(layer => layer.Parameters).Sum(parameter => parameter.Elements) - tied,
            place.Device,
            place.Node,
            place.Process,
            Stages.Workers.Replicas == 1 ? null : Stages.Workers.ReplicaOf(worker));
    }
}
