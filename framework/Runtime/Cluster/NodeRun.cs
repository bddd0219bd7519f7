using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Cluster;

/// <summary>A run as a node has opened it: everything that can go wrong before its workers start has been tried.</summary>
internal sealed class NodeRun : IDisposable
{
    private readonly StagePlan plan;
    private readonly IDataset? data;

    /// <exception cref="BadInputException">The model, the data, the checkpoint or the run directory is not here, or not the same.</exception>
    public NodeRun(PrepareRun message, IReadOnlyList<IArchitecture> architectures)
    {
        Devices = message.Devices;
        var architecture = architectures.FirstOrDefault(known => known.Name == message.Architecture)
            ?? throw new BadInputException(
                $"there is no architecture {message.Architecture} here; there are {string.Join(", ", architectures.Select(known => known.Name))}.");
        var settings = architectures.ToDictionary(known => known.Name, known => known.Settings, StringComparer.Ordinal);
        var job = JobFileReader.Parse(message.Job, "the submitted job", [], settings);
        var resumed = message.Checkpoint is null ? null : Checkpoint.OpenVerified(message.Checkpoint);
        var model = architecture.Define(job.Model, message.Vocabulary).At(resumed?.Manifest.Step ?? 0);
        if (ModelHash.Of(model) != message.ModelHash)
        {
            throw new BadInputException($"the architecture {message.Architecture} makes other layers or parameters here than where the job was submitted.");
        }

        if (!File.Exists(message.Probe))
        {
            throw new BadInputException(
                $"job.directory: {Path.GetDirectoryName(message.Probe)} is not the same folder here; the run directory must lie on storage that all nodes reach.");
        }

        var schedule = CustomSchedule.Parse(message.Schedule, message.Rows, "the submitted schedule");
        var partition = new Partition(model, LayerSplit.Listed(model.Layers.Count, job.Parallel.Split));
        var workers = new Workers(schedule.Ranks.Count, job.Parallel.Replicas);
        var stages = Devices.Keys.SelectMany(worker => schedule.StagesOf[workers.RankOf(worker)]).ToHashSet();
        if (job.Data.ResetsAtDocuments || stages.Contains(0) || stages.Contains(schedule.Stages - 1))
        {
            data = job.Data.Open(message.Folder, message.Files);
        }

        try
        {
            if (job.Data is TextDataSettings text && data is not null && message.Tokenizer is { } tokenizer && data.Tokenizer != tokenizer)
            {
                throw new BadInputException($"data.tokenizer: {text.Tokenizer} is {data.Tokenizer} here, and the run has {tokenizer}.");
            }

            plan = new(job, schedule, partition, data?.Samples(job), resumed);
            Places = [.. Devices.Select(entry => (entry.Value, $"{job.Job.Name}: {workers.NameOf(entry.Key)}"))];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>By worker.</summary>
    public IReadOnlyDictionary<int, string> Devices { get; }

    private IReadOnlyList<(string Device, string Worker)> Places { get; }

    /// <summary>What of the run is on a device, in words.</summary>
    public IEnumerable<string> On(string device) => Places.Where(place => place.Device == device).Select(place => place.Worker);

    public StageHostSetup Setup(ITensorPlane plane) =>
        new(plan, Devices.ToDictionary(entry => entry.Key, entry => new Device(entry.Value)), plan.CreateExecutor, plane);

    public void Dispose() => data?.Dispose();
}
