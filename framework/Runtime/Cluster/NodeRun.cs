using Akka.Actor;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Coordination;
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
        var run = message.Submitted.Open(architectures);
        plan = run.Stages;
        if (!File.Exists(message.Probe))
        {
            throw new BadInputException(
                $"job.directory: {Path.GetDirectoryName(message.Probe)} is not the same folder here; the run directory must lie on storage that all nodes reach.");
        }

        try
        {
            if (message.Devices.Count == 0)
            {
                Data();
                WarmUp.Run(At([0], 0, null), new(message.Lends[0]));
            }
            else
            {
                At([.. message.Devices.Keys], run.Resumed?.Step ?? 0, run.Resumed?.Directory);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public SubmittedRun Submitted => message.Submitted;

    /// <summary>By worker, of those that are here now.</summary>
    public IReadOnlyDictionary<int, string> Devices => seated;

    /// <summary>What of the run is on a device, in words.</summary>
    public IEnumerable<string> On(string device) => seated.Count == 0
        ? [$"{plan.Job.Job.Name}: spare"]
        : seated.Where(seat => seat.Value == device).Select(seat => $"{plan.Job.Job.Name}: {plan.Workers.NameOf(seat.Key)}");

    /// <param name="host">Stands for the run here.</param>
    public HeldRun Held(IActorRef host, NodeDescription node, PlaneAddress address) =>
        new(Submitted.Run, message.Number, host, node.Name, node.Process, message.Lends, address);

    public RunHostSetup Setup(ITensorPlane plane) => new(
        message.Number,
        message.Submitted.Run,
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
            data ??= plan.Job.Data.Open(message.Submitted.Folder, message.Submitted.ListFiles());
            return plan.Job.Data is TextDataSettings text && message.Submitted.Tokenizer is var tokenizer && data.Tokenizer != tokenizer
                ? throw new BadInputException($"data.tokenizer: {text.Tokenizer} is {data.Tokenizer} here, and the run has {tokenizer}.")
                : data.Samples(plan.Job);
        }
    }
}
