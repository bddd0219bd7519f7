using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Optimization;
using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Replicas;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>Runs a stage's layers, forwards and backwards, with libtorch.</summary>
public sealed class StageExecutor : IStageExecutor
{
    private readonly JobFile job;
    private readonly ISamples? samples;
    private readonly int replica;
    private readonly int firstMicroBatch;
    private readonly Device device;
    private readonly ScalarType compute;
    private readonly ScalarType handOver;   // the type of activations between stages
    private readonly Objective objective;
    private readonly bool first;
    private readonly bool last;
    private readonly List<Layer> layers = [];
    private readonly IReadOnlyList<Segment> segments;
    private readonly List<Parameter> owned = [];
    private readonly List<IReadOnlyList<Parameter>> ownedByLayer = [];
    private readonly Dictionary<TiedCopy, Parameter> copies = [];
    private readonly ConstantWeights weights = new();
    private readonly StageOptimizer optimizer;
    private readonly Tensor lossGradient;
    private readonly Dictionary<int, MicroBatchGraph> inFlight = [];
    private readonly SortedDictionary<int, Tensor> losses = [];

    /// <param name="replica">Which share of the micro-batches it runs: they are counted from the replica's first.</param>
    public StageExecutor(StagePlan plan, int stage, int replica, Device device)
    {
        var partition = plan.Partition;
        job = plan.Job;
        samples = plan.Samples;
        this.replica = replica;
        firstMicroBatch = replica * job.MicroBatchesPerReplica;
        this.device = device;
        compute = Precision.Of(job.Precision.Compute);
        handOver = partition.Model.ResidualInFloat32 ? ScalarType.Float32 : compute;
        objective = partition.Model.Objective;
        first = stage == 0;
        last = stage == partition.Stages - 1;
        var (start, count) = partition.Cuts[stage].GetOffsetAndLength(partition.Model.Layers.Count);
        for (var index = start; index < start + count; index++)
        {
            layers.Add(Build(partition, index));
        }

        segments = Segment.Cut(layers, start, partition.Model.Layers.Count, new RecomputeRule(job.Parallel.Recompute), last ? Loss : (output, _) => output);
        if (job.Parallel.Replicas > 1)
        {
            var tied = partition.TiedCopies.Select(copy => copy.Parameter.Name).ToHashSet(StringComparer.Ordinal);
            var exchanged = ownedByLayer.Select(layer => layer.Where(parameter => !parameter.Definition.IsFixed).ToArray()).ToArray();
            Buckets = new(exchanged, parameter => tied.Contains(parameter.Name), new(job.Parallel.Replicas, replica), job.Parallel.ShardsOptimizer, weights.Clear);
        }

        optimizer = new(owned, copies.Values, Buckets, job);
        // The one division by the number of target tokens: the gradient that the summed loss starts its backward with.
        lossGradient = tensor(1f / (job.Batch.MicroBatches * job.TokensPerMicroBatch), device: device).DetachFromDisposeScope();
    }

    public int InFlight => inFlight.Count;

    public StageBuckets? Buckets { get; }

    public Tensor? Forward(long step, int microBatch, Tensor? input)
    {
        using var scope = NewDisposeScope();
        var pass = WithStarts(
            new(job.Job.Seed, step, firstMicroBatch + microBatch, Training: true, compute) { LossShare = 1.0 / job.Batch.MicroBatches });
        pass.DocumentStarts?.DetachFromDisposeScope();   // the graph disposes it
        inFlight.Add(microBatch, new(pass, weights));
        var output = inFlight[microBatch].Forward(segments, Input(pass, microBatch, input));
        output.DetachFromDisposeScope();
        if (!last)
        {
            return output;
        }

        losses.Add(microBatch, output);
        return null;
    }

    public Tensor? InputGradient(int microBatch, Tensor? gradient)
    {
        using var scope = NewDisposeScope();
        var graph = inFlight[microBatch];
        var (type, shape) = graph.Output;
        var inputGradient = graph.InputGradient(gradient is null ? lossGradient : Take(gradient, $"the gradient of micro-batch {microBatch}", type, shape));
        return first ? null : inputGradient!.DetachFromDisposeScope();
    }

    public void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release = null)
    {
        inFlight.Remove(microBatch, out var finished);
        using var graph = finished!;
        graph.WeightGradient(release is null ? null : Buckets!.Release(graph.Weights, release));
    }

    public Tensor? Evaluate(int batch, int microBatch, Tensor? input)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        if (optimizer.Averages.SwapIn())
        {
            weights.Clear();
        }

        var pass = WithStarts(new(job.Job.Seed, batch, firstMicroBatch + microBatch, Training: false, compute));
        var output = segments
            .Aggregate(Input(pass, microBatch, input), (value, segment) => segment.Run(value, pass))
            .DetachFromDisposeScope();
        if (!last)
        {
            return output;
        }

        losses.Add((batch * job.Batch.MicroBatches) + microBatch, output);
        return null;
    }

    public void EndEvaluation()
    {
        if (optimizer.Averages.SwapOut())
        {
            weights.Clear();
        }
    }

    public double TakeLoss()
    {
        var sum = 0.0;
        foreach (var loss in losses.Values)
        {
            sum += loss.item<float>();
            loss.Dispose();
        }

        losses.Clear();
        return sum;
    }

    public Tensor TakeTiedGradient(TiedCopy copy)
    {
        var parameter = copies[copy];
        var gradient = Gradient(parameter);
        parameter.ClearGradient();
        return gradient;
    }

    public void AddTiedGradient(TiedCopy copy, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Arithmetic.AddTo(Gradient(Owned(copy)), TakeTied(copy, gradient, "gradient"));
    }

    public Tensor TiedValue(TiedCopy copy)
    {
        using var noGradient = no_grad();
        return Owned(copy).Value.clone();
    }

    public void SetTiedValue(TiedCopy copy, Tensor value)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        copies[copy].Value.copy_(TakeTied(copy, value, "value"));
        optimizer.Averages.Follow(copies[copy]);
        weights.Clear();
    }

    public IReadOnlyList<KeyValuePair<string, double>> GradientSquares() => optimizer.GradientSquares();

    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products() => optimizer.Products;

    public void Apply(long step, double? gradientScale, LbfgsMove? move = null)
    {
        if (optimizer.Apply(step, gradientScale, move))
        {
            weights.Clear();
        }

        foreach (var parameter in owned.Concat(copies.Values))
        {
            parameter.ClearGradient();
        }

        Buckets?.ClearSums();
    }

    public void UpdateAverages() => optimizer.UpdateAverages();

    public IReadOnlyList<(string Name, Tensor Value)> State() => replica == 0 ? Everything() : job.Parallel.ShardsOptimizer ? [.. optimizer.State] : [];

    public void Restore(Action<string, Tensor> read)
    {
        using var noGradient = no_grad();
        foreach (var (name, value) in Everything().Concat(copies.Values.Select(copy => (copy.Name, copy.Value))).Concat(Averages(copies.Values)))
        {
            read(name, value);
        }

        weights.Clear();
    }

    public void Dispose()
    {
        foreach (var graph in inFlight.Values)
        {
            graph.Dispose();
        }

        foreach (var loss in losses.Values)
        {
            loss.Dispose();
        }

        Buckets?.Dispose();
        optimizer.Dispose();
        foreach (var parameter in owned.Concat(copies.Values))
        {
            parameter.ClearGradient();
            parameter.Dispose();
        }

        weights.Dispose();
        lossGradient.Dispose();
    }

    private IReadOnlyList<(string Name, Tensor Value)> Everything() =>
        [.. owned.Select(parameter => (parameter.Name, parameter.Value)), .. optimizer.State, .. Averages(owned)];

    private IEnumerable<(string Name, Tensor Value)> Averages(IEnumerable<Parameter> parameters) =>
        from parameter in parameters
        where optimizer.Averages[parameter] is not null
        select ($"{Checkpoint.AveragePrefix}{parameter.Name}", optimizer.Averages[parameter]!);

    private Layer Build(Partition partition, int index)
    {
        var mine = new List<Parameter>();
        ownedByLayer.Add(mine);
        var values = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var definition in partition.Model.Layers[index].Parameters)
        {
            var parameter = new Parameter(definition, job.Job.Seed, Precision.Of(job.Precision.Parameters), device);
            if (partition.TiedCopies.FirstOrDefault(copy => copy.Layer == index && copy.Parameter == definition) is { } tied)
            {
                copies.Add(tied, parameter);
            }
            else
            {
                owned.Add(parameter);
                mine.Add(parameter);
            }

            values.Add(definition.Name, parameter.Value);
        }

        return partition.Model.Layers[index].Build(values);
    }

    /// <summary>What the stage before handed over, or the data.</summary>
    private Tensor Input(Pass pass, int microBatch, Tensor? handed)
    {
        if (handed is null)
        {
            return Read(pass, targets: false);
        }

        using (handed)
        {
            HandOverContract.CheckActivation(
                $"the activation of{(pass.Training ? "" : " validation")} micro-batch {microBatch}", handed, handOver, job.Batch.Sequences / job.Batch.MicroBatches);
            return handed.to(device).detach();
        }
    }

    private Tensor Loss(Tensor output, Pass pass) => objective.Loss(output, Read(pass, targets: true), pass);

    private Tensor Read(Pass pass, bool targets) => samples!.Read(!pass.Training, pass.Step, pass.MicroBatch, targets, device);

    private Pass WithStarts(Pass pass) => job.Data.ResetAtDocuments
        ? pass with { DocumentStarts = samples!.ReadStarts(!pass.Training, pass.Step, pass.MicroBatch, device) }
        : pass;

    private Tensor TakeTied(TiedCopy copy, Tensor handed, string what) =>
        Take(handed, $"the {what} of tied copy {copy.Index}", Precision.Of(job.Precision.Parameters), copy.Parameter.Shape);

    /// <summary>A tensor that was handed over, on this stage's device and in this scope.</summary>
    private Tensor Take(Tensor handed, string what, ScalarType type, IReadOnlyList<long> shape)
    {
        using (handed)
        {
            HandOverContract.Check(what, handed, type, shape);
            return handed.to(device).detach();
        }
    }

    private Parameter Owned(TiedCopy copy) => owned.First(parameter => parameter.Name == copy.Parameter.Name);

    private static Tensor Gradient(Parameter parameter) => parameter.Gradient
        ?? throw new InvalidOperationException($"no gradient reached the parameter {parameter.Name}");
}
