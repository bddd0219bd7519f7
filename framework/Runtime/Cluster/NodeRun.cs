using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>A run as a node has opened it: everything that can go wrong before its workers start has been tried.</summary>
internal sealed class NodeRun : IDisposable
{
    private readonly PrepareRun message;
    private readonly StagePlan plan;
    private readonly Lock gate = new();
    private IDataset? data;
    private volatile IReadOnlyDictionary<int, string> seated;

    /// <exception cref="BadInputException">The model, the data, the checkpoint or the run directory is not here, or not the same.</exception>
    public NodeRun(PrepareRun message, IReadOnlyList<IArchitecture> architectures)
    {
        this.message = message;
        seated = message.Devices;
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
        plan = new(job, schedule, new(model, LayerSplit.Listed(model.Layers.Count, job.Parallel.Split)), null, resumed);
        try
        {
            if (message.Devices.Count == 0)
            {
                Data();
                WarmUp.Run(At([0], 0, null));
            }
            else
            {
                At([.. message.Devices.Keys], 0, null);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>By worker, of those that are here now.</summary>
    public IReadOnlyDictionary<int, string> Devices => seated;

    /// <summary>What of the run is on a device, in words.</summary>
    public IEnumerable<string> On(string device) => seated.Count == 0
        ? [$"{plan.Job.Job.Name}: spare"]
        : seated.Where(seat => seat.Value == device).Select(seat => $"{plan.Job.Job.Name}: {plan.Workers.NameOf(seat.Key)}");

    public RunHostSetup Setup(ITensorPlane plane) => new(
        message.Number,
        message.Run,
        At,
        (stages, worker, stage, device) => stages.CreateExecutor(worker, stage, device),
        devices => seated = devices,
        plane);

    public void Dispose() => data?.Dispose();

    /// <summary>Data are opened when the first worker comes that reads them.</summary>
    private StagePlan At(IReadOnlyCollection<int> workers, long step, string? checkpoint)
    {
        var stages = workers.SelectMany(worker => plan.Schedule.StagesOf[plan.Workers.RankOf(worker)]).ToHashSet();
        var reads = plan.Job.Data.ResetsAtDocuments || stages.Contains(0) || stages.Contains(plan.Schedule.Stages - 1);
        return plan.At(step, checkpoint) with { Samples = reads ? Data() : null };
    }

    private ISamples Data()
    {
        lock (gate)
        {
            data ??= plan.Job.Data.Open(message.Folder, message.Files);
            return plan.Job.Data is TextDataSettings text && message.Tokenizer is { } tokenizer && data.Tokenizer != tokenizer
                ? throw new BadInputException($"data.tokenizer: {text.Tokenizer} is {data.Tokenizer} here, and the run has {tokenizer}.")
                : data.Samples(plan.Job);
        }
    }
}
