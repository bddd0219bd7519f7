using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Optimization;
using Pipeline.Core.Partitioning;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>Runs a stage's layers, forwards and backwards, with libtorch.</summary>
public sealed class StageExecutor : IStageExecutor
{
    private readonly JobFile job;
    private readonly Samples? samples;
    private readonly int firstMicroBatch;
    private readonly Device device;
    private readonly ScalarType compute;
    private readonly Func<Tensor, Tensor, Tensor> lossFunction;
    private readonly bool first;
    private readonly bool last;
    private readonly List<Layer> layers = [];
    private readonly IReadOnlyList<Segment> segments;
    private readonly List<Parameter> owned = [];
    private readonly Dictionary<TiedCopy, Parameter> copies = [];
    private readonly ConstantWeights weights = new();
    private readonly AdamW optimizer;
    private readonly Tensor lossGradient;
    private readonly Dictionary<int, MicroBatchGraph> inFlight = [];
    private readonly SortedDictionary<int, Tensor> losses = [];

    /// <param name="replica">Which share of the micro-batches it runs: they are counted from the replica's first.</param>
    public StageExecutor(StagePlan plan, int stage, int replica, Device device)
    {
        var partition = plan.Partition;
        job = plan.Job;
        samples = plan.Samples;
        firstMicroBatch = replica * job.MicroBatchesPerReplica;
        this.device = device;
        compute = Precision.Of(job.Precision.Compute);
        lossFunction = partition.Model.Loss;
        first = stage == 0;
        last = stage == partition.Stages - 1;
        var (start, count) = partition.Cuts[stage].GetOffsetAndLength(partition.Model.Layers.Count);
        for (var index = start; index < start + count; index++)
        {
            layers.Add(Build(partition, index));
        }

        segments = Segment.Cut(layers, start, partition.Model.Layers.Count, new RecomputeRule(job.Parallel.Recompute), last ? Loss : (output, _) => output);
        optimizer = new AdamW(owned, job.Optimizer);
        // The one division by the number of target tokens: the gradient that the summed loss starts its backward with.
        lossGradient = tensor(1f / (job.Batch.MicroBatches * job.TokensPerMicroBatch), device: device).DetachFromDisposeScope();
    }

    public int InFlight => inFlight.Count;

    public Tensor? Forward(long step, int microBatch, Tensor? input)
    {
        using var scope = NewDisposeScope();
        var pass = new Pass(job.Job.Seed, step, firstMicroBatch + microBatch, Training: true, compute);
        inFlight.Add(microBatch, new(pass, weights));
        var output = inFlight[microBatch].Forward(segments, Input(pass, input));
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
        var inputGradient = inFlight[microBatch].InputGradient(gradient is null ? lossGradient : Take(gradient));
        return first ? null : inputGradient!.DetachFromDisposeScope();
    }

    public void WeightGradient(int microBatch)
    {
        inFlight.Remove(microBatch, out var finished);
        using var graph = finished!;
        graph.WeightGradient();
    }

    public Tensor? Evaluate(int batch, int microBatch, Tensor? input)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var pass = new Pass(job.Job.Seed, batch, firstMicroBatch + microBatch, Training: false, compute);
        var output = segments
            .Aggregate(Input(pass, input), (value, segment) => segment.Run(value, pass))
            .DetachFromDisposeScope();
        if (!last)
        {
            return output;
        }

        losses.Add((batch * job.Batch.MicroBatches) + microBatch, output);
        return null;
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
        Arithmetic.AddTo(Gradient(Owned(copy)), Take(gradient));
    }

    public Tensor TiedValue(TiedCopy copy)
    {
        using var noGradient = no_grad();
        return Owned(copy).Value.clone();
    }

    public void SetTiedValue(TiedCopy copy, Tensor value)
    {
        using var noGradient = no_grad();
        copies[copy].Value.copy_(value);
        value.Dispose();
        weights.Clear();
    }

    public IReadOnlyList<KeyValuePair<string, double>> GradientSquares()
    {
        using var scope = NewDisposeScope();
        return [.. owned.Zip(SquaredNorm.Of([.. owned.Select(Gradient)]), (parameter, square) => KeyValuePair.Create(parameter.Name, square))];
    }

    public void Apply(long step, double? gradientScale)
    {
        if (gradientScale is { } scale)
        {
            optimizer.Apply(step, LearningRate.At(job.Optimizer, step), scale);
            weights.Clear();
        }

        foreach (var parameter in owned.Concat(copies.Values))
        {
            parameter.ClearGradient();
        }
    }

    public IReadOnlyList<(string Name, Tensor Value)> State() =>
    [
        .. owned.Select(parameter => (parameter.Name, parameter.Value)),
        .. optimizer.State.Select(state => ($"optimizer.{state.Moment}.{state.Parameter}", state.Value)),
    ];

    public void Restore(Action<string, Tensor> read)
    {
        using var noGradient = no_grad();
        foreach (var (name, value) in State().Concat(copies.Values.Select(copy => (copy.Name, copy.Value))))
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

        foreach (var parameter in owned.Concat(copies.Values))
        {
            parameter.ClearGradient();
            parameter.Dispose();
        }

        weights.Dispose();
        optimizer.Dispose();
        lossGradient.Dispose();
    }

    private Layer Build(Partition partition, int index)
    {
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
            }

            values.Add(definition.Name, parameter.Value);
        }

        return partition.Model.Layers[index].Build(values);
    }

    /// <summary>What the stage before handed over, or the data.</summary>
    private Tensor Input(Pass pass, Tensor? handed) => handed is null ? Read(pass, targets: false) : Take(handed);

    private Tensor Loss(Tensor output, Pass pass) => lossFunction(output, Read(pass, targets: true));

    private Tensor Read(Pass pass, bool targets) => samples!.Read(!pass.Training, pass.Step, pass.MicroBatch, targets, device);

    /// <summary>A tensor that was handed over, on this stage's device and in this scope.</summary>
    private Tensor Take(Tensor handed)
    {
        using (handed)
        {
            return handed.to(device).detach();
        }
    }

    private Parameter Owned(TiedCopy copy) => owned.First(parameter => parameter.Name == copy.Parameter.Name);

    private static Tensor Gradient(Parameter parameter) => parameter.Gradient
        ?? throw new InvalidOperationException($"no gradient reached the parameter {parameter.Name}");
}
