using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Data.Tasks;
using Pipeline.Core.Data.Tokenizers;
using Pipeline.Core.Faults;
using Pipeline.Core.Jobs;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Planning;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Loading;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Runs;

/// <summary>A job with everything that can be known, and go wrong, before anything is started: data opened, model cut, devices found,
/// checkpoint verified. Layers are measured here where the schedule or the cut depends on what they cost.</summary>
public sealed class TrainingPlan : IDisposable
{
    private readonly OpenedJob opened;
    private readonly ResumePoint? resumePoint;
    private readonly List<string> warnings = [];

    /// <param name="path">The job file.</param>
    /// <param name="overrides"><c>a.b=c</c> each.</param>
    /// <param name="architectures">The families that <c>model.architecture</c> may name.</param>
    /// <param name="resume">What to continue from: <c>latest</c>, the newest whole checkpoint in the job's directory; a step, whose checkpoint lies there;
    /// the path of a checkpoint or of a run, also another's. Null to start anew.</param>
    /// <param name="elsewhere">The workers run on the nodes of a cluster, which places them.</param>
    /// <param name="inject">What is to go wrong, for drills: each as <see cref="Fault.Parse"/> reads it.</param>
    /// <exception cref="BadInputException">Anything that the user can correct.</exception>
    public TrainingPlan(string path, IReadOnlyList<string> overrides, IReadOnlyList<IArchitecture> architectures, string? resume = null, bool elsewhere = false,
        IReadOnlyList<string>? inject = null)
    {
        opened = new OpenedJob(path, overrides, architectures);
        string instructionSet;
        IReadOnlyList<DataFile>? tokenizerFiles;
        Fault[] faults;
        try
        {
            Job = opened.Job;
            Directory = new RunDirectory(Job.Job.Directory);
            Directory.Check(path);
            instructionSet = LibTorch.Load().InstructionSet;
            CheckPlacement(elsewhere);
            Devices = elsewhere ? [] : Runs.Devices.Place(Job.Device, Job.Parallel.Stages * Job.Parallel.Replicas);
            resumePoint = resume is null ? null : ResumePoint.Find(resume, Directory);
            if (resumePoint is not null)
            {
                warnings.AddRange(resumePoint.Warnings);
                ResumeRules.CheckAll(resumePoint.Checkpoint, opened);
            }

            tokenizerFiles = Resumed is { Manifest.TokenizerFiles: { } files } && IsTheRuns(Path.Combine(Resumed.Directory, Checkpoints.TokenizerFiles.Folder))
                ? files : null;
            var model = opened.Model.At(Resumed?.Manifest.Step ?? 0);
            var layout = new JobLayout(opened, elsewhere ? CPU : Devices[0]);
            Schedule = layout.Schedule();
            CheckOrder();
            CheckBatch();
            Partition = new Partition(model, layout.Cut(Schedule));
            faults = [.. (inject ?? []).Select(Fault.Parse)];
            FaultChecks.Check(faults, Job, Resumed);
        }
        catch
        {
            opened.Dispose();
            throw;
        }

        var split = LayerSplit.CountsOf(opened.Model.Layers.Count, Partition.Cuts).Select(count => count.ToString(CultureInfo.InvariantCulture));
        warnings.AddRange(FitRules.Warnings(Job, opened.Model, Samples));
        Job = Job with { Parallel = Job.Parallel with { Split = [.. split] } };
        Stages = new(Job, Schedule, Partition, Samples);
        Run = new(
            Stages,
            Directory,
            new(Folder, Data.Files, Data.Tokenizer, Data.Characters, Data.Description, Vocabulary, tokenizerFiles, Stages.Targets),
            warnings,
            instructionSet)
        {
            Resumed = Resumed is null ? null : ResumedFrom.Of(Resumed),
            Faults = faults,
            Branches = resumePoint?.Branches ?? false,
            PassedOver = resumePoint?.PassedOver ?? [],
        };
        if (!elsewhere)
        {
            Run.Place([.. Devices.Select(device => new WorkerPlace(Environment.MachineName, Environment.ProcessId, device.ToString()))], instructionSet);
        }
    }

    /// <summary>What a coordinator needs of it, here or elsewhere.</summary>
    public RunPlan Run { get; }

    /// <summary>As resolved: <c>parallel.split</c> says how the layers are cut.</summary>
    public JobFile Job { get; }

    public RunDirectory Directory { get; }

    /// <summary>Where the job file lies: what the data's paths are relative to.</summary>
    public string Folder => opened.Folder;

    public IDataset Data => opened.Data;

    public ISamples Samples => opened.Samples;

    public int Vocabulary => opened.Vocabulary;

    public Schedule Schedule { get; }

    public Partition Partition { get; }

    /// <summary>What the processes that hold stages know of the run.</summary>
    public StagePlan Stages { get; }

    /// <summary>One a worker; none where they run elsewhere.</summary>
    public IReadOnlyList<Device> Devices { get; }

    /// <summary>What the run continues from; null when it starts anew.</summary>
    public Checkpoint? Resumed => resumePoint?.Checkpoint;

    public void Dispose()
    {
        Directory.Dispose();
        opened.Dispose();
    }

    /// <summary>A tokenizer is the one that the run's data are read with.</summary>
    private bool IsTheRuns(string tokenizer)
    {
        try
        {
            return TokenizerFile.Open(tokenizer).Name == Data.Tokenizer;
        }
        catch (BadInputException)
        {
            return false;   // of a kind that is not read here
        }
    }

    private void CheckPlacement(bool elsewhere)
    {
        if (!elsewhere && Job.Parallel.Placement is not null)
        {
            throw new BadInputException("parallel.placement names nodes of a cluster; it needs --join or --processes.");
        }

        if (elsewhere && Job.Device is not (["cpu"] or ["cuda"]))
        {
            throw new BadInputException("device must be cpu or cuda for a run on a cluster; parallel.placement can name each worker's node and device.");
        }
    }

    private void CheckBatch()
    {
        if (Job.Optimizer.IsLbfgs && !(Job.Data is FunctionSettings { Points: var points } && Job.Batch.Sequences % points == 0))
        {
            warnings.Add(
                "optimizer.kind is lbfgs, which compares the losses of steps, and here each step has another batch; it is the same one "
                + "with data.kind = function where batch.sequences is data.points.");
        }
    }

    private void CheckOrder()
    {
        if (Resumed is { Manifest.IsImport: false } newest && newest.Manifest.AccumulatesAscending != Schedule.AccumulatesAscending)
        {
            throw new BadInputException(
                $"--resume: the schedule {Schedule.Name} adds gradients up in another order than {newest.Directory} was trained with, so its losses would "
                + "differ; looped-bfs goes on with looped-bfs alone.");
        }
    }
}
