using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Tensors.Loading;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Generation;

/// <summary>A checkpoint with what its manifest says of the model in it; nothing has memory yet.</summary>
public sealed class TrainedModel
{
    private TrainedModel(Checkpoint checkpoint, JobFile job, TokenVocabulary vocabulary, ModelDefinition definition)
    {
        Checkpoint = checkpoint;
        Job = job;
        Vocabulary = vocabulary;
        Definition = definition;
    }

    public Checkpoint Checkpoint { get; }

    /// <summary>Of the training, as resolved.</summary>
    public JobFile Job { get; }

    public TokenVocabulary Vocabulary { get; }

    public ModelDefinition Definition { get; }

    /// <param name="path">A checkpoint's folder, or a run directory, of which the newest whole checkpoint is taken.</param>
    /// <param name="architectures">The families that can be built.</param>
    /// <param name="passedOver">Told of each newer checkpoint that is damaged.</param>
    /// <exception cref="BadInputException">There is no whole checkpoint, or it cannot be understood here.</exception>
    public static TrainedModel Open(string path, IReadOnlyList<IArchitecture> architectures, Action<string> passedOver)
    {
        var checkpoint = Checkpoint.Find(path, passedOver);
        var (manifest, place) = (checkpoint.Manifest, Path.Combine(checkpoint.Directory, Manifest.FileName));
        var settings = architectures.ToDictionary(architecture => architecture.Name, architecture => architecture.Settings, StringComparer.Ordinal);
        var job = JobFileReader.Parse(manifest.Job, place, [], settings);
        var rows = manifest.Rows(job.Model);
        var vocabulary = TokenVocabulary.Of(checkpoint, job.Data, rows);
        LibTorch.Load();
        var architecture = architectures.First(candidate => candidate.Name == job.Model.Architecture);
        return new(checkpoint, job, vocabulary, architecture.Define(job.Model, rows).At(manifest.Step));
    }

    /// <param name="stages">As many as the training had without it.</param>
    /// <param name="device">As in a job file; the training's without it.</param>
    /// <returns>The even cut of the layers, with each stage's device.</returns>
    /// <exception cref="BadInputException">There are fewer layers, or no such device.</exception>
    public (IReadOnlyList<Range> Cuts, IReadOnlyList<Device> Devices) Place(int? stages, string? device)
    {
        var (count, most) = (stages ?? Job.Parallel.Stages, Definition.Layers.Count - 2);   // embedding and head are cut from nothing
        if (count < 1 || count > most)
        {
            throw new BadInputException($"--stages must be from 1 to {most}, the number of the model's layers, not {count}.");
        }

        IReadOnlyList<string> names = device is not null ? [device] : Job.Device.Count == count ? Job.Device : [Job.Device[0]];
        return (LayerSplit.Even(Definition.Layers.Count, count), Devices.Place(names, count));
    }

    /// <inheritdoc cref="Place"/>
    /// <returns>What the stages of a generation know.</returns>
    public GenerationPlan Plan(int? stages = null, string? device = null)
    {
        var (cuts, devices) = Place(stages, device);
        return new(Definition, cuts, devices, Job.Precision, Job.Parallel.ThreadsPerStage, Vocabulary, Load);
    }

    private void Load(IReadOnlyDictionary<string, Tensor> parameters)
    {
        using var reader = Checkpoint.Read();
        foreach (var (name, value) in parameters)
        {
            reader.ReadTrainedInto(name, value);
        }
    }
}
