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
    private readonly StagePlan plan;
    private readonly int stage;
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
    private readonly StageParameters parameters;
    private readonly StageCarries? carries;
    private readonly int evaluationPasses;
    private readonly IReadOnlyList<Segment> segments;
    private readonly ConstantWeights weights = new();
    private readonly StageOptimizer optimizer;
    private readonly Tensor lossGradient;
    private readonly Dictionary<int, MicroBatchGraph> inFlight = [];
    private readonly SortedDictionary<int, Tensor> losses = [];
    private readonly Dictionary<(long Batch, int MicroBatch), Tensor> scores = [];   // integers: their order does not matter

    /// <param name="replica">Which share of the micro-batches it runs: they are counted from the replica's first.</param>
    public StageExecutor(StagePlan plan, int stage, int replica, Device device)
    {
        (this.plan, this.stage) = (plan, stage);
        var (partition, model) = (plan.Partition, plan.Partition.Model);
        job = plan.Job;
        samples = plan.Samples;
        this.replica = replica;
        firstMicroBatch = replica * job.MicroBatchesPerReplica;
        this.device = device;
        compute = Precision.Of(job.Precision.Compute);
        handOver = model.ResidualInFloat32 ? ScalarType.Float32 : compute;
        objective = model.Objective;
        first = stage == 0;
        last = stage == partition.Stages - 1;
        parameters = new(partition, stage, job.Job.Seed, Precision.Of(job.Precision.Parameters), device);
        evaluationPasses = model.Carry?.Passes ?? 1;
        carries = model.Carry is { } carry && (first || last)
            ? new(carry, SequencesPerMicroBatch, job.MicroBatchesPerReplica, firstMicroBatch, handOver, device)
            : null;
        segments = Segment.Cut(
            parameters.Layers, partition.Cuts[stage].Start.Value, model.Layers.Count, new RecomputeRule(job.Parallel.Recompute), last ? Loss : (output, _) => output);
        if (job.Parallel.Replicas > 1)
        {
            var tied = partition.TiedCopies.Select(copy => copy.Parameter.Name).ToHashSet(StringComparer.Ordinal);
            var exchanged = parameters.OwnedByLayer.Select(layer => layer.Where(parameter => !parameter.Definition.IsFixed).ToArray()).ToArray();
            Buckets = new(exchanged, parameter => tied.Contains(parameter.Name), new(job.Parallel.Replicas, replica), job.Parallel.ShardsOptimizer, weights.Clear);
        }

        optimizer = new(parameters.Owned, parameters.Copies, Buckets, job, model.Began);
        // The one division by the number of targets or sequences: the gradient that the summed loss starts its backward with.
        var units = last ? plan.LossDivisor : 1;
        lossGradient = (compute == ScalarType.Float64 ? tensor(1.0 / units, device: device) : tensor(1f / units, device: device)).DetachFromDisposeScope();
    }

    public int InFlight => inFlight.Count;

    public StageBuckets? Buckets { get; }

    private int SequencesPerMicroBatch => job.SequencesPerMicroBatch;

    public Tensor? Forward(long step, int microBatch, Tensor? input)
    {
        using var scope = NewDisposeScope();
        var pass = WithStarts(
            new(job.Job.Seed, step, firstMicroBatch + microBatch, Training: true, compute)
            {
                LossShare = 1.0 / job.Batch.MicroBatches,
                Carry = carries?[microBatch],
            },
            validation: false);
        pass.DocumentStarts?.DetachFromDisposeScope();   // the graph disposes it
        inFlight.Add(microBatch, new(pass, weights));
        var output = inFlight[microBatch].Forward(segments, Input(pass, microBatch, input, validation: false));
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
        var inputGradient = graph.InputGradient(
            gradient is null ? lossGradient : HandOverContract.Take($"the gradient of micro-batch {microBatch}", gradient, type, shape, device));
        return first ? null : inputGradient!.DetachFromDisposeScope();
    }

    public void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release = null)
    {
        inFlight.Remove(microBatch, out var finished);
        using var graph = finished!;
        graph.WeightGradient(release is null ? null : Buckets!.Release(graph.Weights, release));
    }

    public Tensor? Evaluate(int batch, int microBatch, int number, Tensor? input)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        if (optimizer.Averages.SwapIn())
        {
            weights.Clear();
        }

        var carried = first && number > 0 ? HandOverContract.Take(
            $"what validation micro-batch {microBatch} carries", input!, handOver, [SequencesPerMicroBatch, .. plan.Partition.Model.Carry!.Shape], device) : null;
        using var carry = carries?.InEvaluation(carried?.DetachFromDisposeScope(), number);
        var pass = WithStarts(new(job.Job.Seed, batch, firstMicroBatch + microBatch, Training: false, compute) { Carry = carry }, validation: true);
        var output = segments.Aggregate(Input(pass, microBatch, first ? null : input, validation: true), (value, segment) => segment.Run(value, pass));
        if (!last)
        {
            return output.DetachFromDisposeScope();
        }

        if (number < evaluationPasses - 1)
        {
            return carry!.Next!.State!.alias().DetachFromDisposeScope();
        }

        losses.Add((batch * job.Batch.MicroBatches) + microBatch, output.DetachFromDisposeScope());
        return null;
    }

    public void EndEvaluation()
    {
        if (optimizer.Averages.SwapOut())
        {
            weights.Clear();
        }
    }

    public PassResult TakeLoss()
    {
        var result = default(PassResult);
        foreach (var loss in losses.Values)
        {
            using var wide = loss.to(ScalarType.Float64);
            result += new PassResult(wide.item<double>());
            loss.Dispose();
        }

        foreach (var score in scores.Values)
        {
            var counts = score.cpu();   // itself on a CPU
            result += new PassResult(0, counts.ReadCpuInt64(0), counts.ReadCpuInt64(1), samples!.TargetsPerMicroBatch, samples!.SequencesPerMicroBatch);
            counts.Dispose();
            score.Dispose();
        }

        losses.Clear();
        scores.Clear();
        return result;
    }

    public Tensor? Adapt(long step, Tensor? input)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var pass = WithStarts(new(job.Job.Seed, step, MicroBatch: 0, Training: false, compute), validation: false);
        var value = Input(pass, 0, input, validation: false);
        var changed = new List<string>();
        foreach (var layer in parameters.Layers)
        {
            changed.AddRange(layer.Adapt(value, pass));
            value = layer.Forward(value, pass);
        }

        weights.Clear();
        optimizer.Reset(changed);
        return last ? null : value.DetachFromDisposeScope();
    }

    public IStageExecutor Grown(ModelDefinition model)
    {
        var grown = new StageExecutor(plan with { Partition = new(model, plan.Partition.Cuts) }, stage, replica, device);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        // Not the optimizer's state: it starts again. Replicas that have it in pieces could not keep what others can.
        var before = Everything().Concat(Copies()).Where(entry => !entry.Name.StartsWith(Checkpoint.OptimizerPrefix, StringComparison.Ordinal))
            .Concat(carries?.State() ?? []).ToDictionary(entry => entry.Name, entry => entry.Value, StringComparer.Ordinal);
        var changed = model.Layers.Take(plan.Partition.Cuts[stage]).SelectMany(layer => layer.Grow?.Invoke(before) ?? new Dictionary<string, Tensor>())
            .DistinctBy(entry => entry.Key).ToDictionary(StringComparer.Ordinal);
        grown.Restore((name, value) =>
        {
            if (changed.TryGetValue(name, out var made) || (before.TryGetValue(name, out made) && made.shape.SequenceEqual(value.shape)))
            {
                value.copy_(made);
            }
        });
        grown.optimizer.Reset(changed.Keys);
        Dispose();
        return grown;
    }

    public IReadOnlyList<Tensor> TakeCarry(int microBatch) => carries!.Copy(microBatch);

    public void SetCarry(int microBatch, IReadOnlyList<Tensor> carry) => carries!.Set(microBatch, carry);

    public Tensor TakeTiedGradient(TiedCopy copy) => parameters.TakeGradient(copy);

    public void AddTiedGradient(TiedCopy copy, Tensor gradient) => parameters.AddGradient(copy, gradient);

    public Tensor TiedValue(TiedCopy copy) => parameters.ValueFor(copy);

    public void SetTiedValue(TiedCopy copy, Tensor value)
    {
        parameters.SetValue(copy, value);
        optimizer.Averages.Follow(parameters.Memory[copy.Parameter.Name]);
        weights.Clear();
    }

    public IReadOnlyList<KeyValuePair<string, double>> GradientSquares() => optimizer.GradientSquares();

    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products() => optimizer.Products;

    public void Apply(long step, double? gradientScale, LbfgsMove? move = null)
    {
        if (optimizer.Apply(step, gradientScale, move))
        {
            weights.Clear();
            if (last && gradientScale is not null)
            {
                carries?.Commit();
            }
        }

        parameters.ClearGradients();
        Buckets?.ClearSums();
    }

    public void UpdateAverages() => optimizer.UpdateAverages();

    public IReadOnlyList<(string Name, Tensor Value)> State() =>
    [
        .. replica == 0 ? Everything() : job.Parallel.ShardsOptimizer ? optimizer.State : [],
        .. last && carries is not null ? carries.State() : [],
    ];

    public IReadOnlyList<(string Name, Tensor Value)> WholeState() => [.. Everything(), .. Copies(), .. carries?.State() ?? []];

    public void Restore(Action<string, Tensor> read)
    {
        using var noGradient = no_grad();
        foreach (var (name, value) in Everything().Concat(Copies()))
        {
            read(name, value);
        }

        carries?.Restore(read);
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

        foreach (var score in scores.Values)
        {
            score.Dispose();
        }

        Buckets?.Dispose();
        optimizer.Dispose();
        parameters.Dispose();
        carries?.Dispose();
        weights.Dispose();
        lossGradient.Dispose();
    }

    private IEnumerable<(string Name, Tensor Value)> Everything() =>
        [.. parameters.Owned.Select(parameter => (parameter.Name, parameter.Value)), .. optimizer.State, .. Averages(parameters.Owned)];

    /// <summary>Of tied parameters that another stage owns.</summary>
    private IEnumerable<(string Name, Tensor Value)> Copies() =>
        [.. parameters.Copies.Select(copy => (copy.Name, copy.Value)), .. Averages(parameters.Copies)];

    private IEnumerable<(string Name, Tensor Value)> Averages(IEnumerable<Parameter> parameters) =>
        from parameter in parameters
        where optimizer.Averages[parameter] is not null
        select ($"{Checkpoint.AveragePrefix}{parameter.Name}", optimizer.Averages[parameter]!);

    /// <summary>What the stage before handed over, or the data.</summary>
    private Tensor Input(Pass pass, int microBatch, Tensor? handed, bool validation)
    {
        if (handed is null)
        {
            return Read(pass, targets: false, validation);
        }

        using (handed)
        {
            HandOverContract.CheckActivation(
                $"the activation of{(validation ? " validation" : "")} micro-batch {microBatch}", handed, handOver, SequencesPerMicroBatch);
            return handed.to(device).detach();
        }
    }

    private Tensor Loss(Tensor output, Pass pass)
    {
        var targets = Read(pass, targets: true, validation: !pass.Training);
        Score(output, targets, pass);
        return objective.Loss(output, targets, pass);
    }

    /// <summary>Counts what is right where the kind of data is scored: once, not again when a pass is recomputed, and of the passes of an evaluation
    /// after the last.</summary>
    private void Score(Tensor output, Tensor targets, Pass pass)
    {
        var isFinal = pass.Training || (pass.Carry?.Passes[0] ?? 0) == evaluationPasses - 1;
        if (job.Data.IsScored && isFinal && !scores.ContainsKey((pass.Step, pass.MicroBatch)))
        {
            using var noGradient = no_grad();
            if (objective.Score(output, targets) is { } score)
            {
                scores.Add((pass.Step, pass.MicroBatch), score.DetachFromDisposeScope());
            }
        }
    }

    /// <summary>A slot that carries something shows its sample until it halts; its samples are the batches' in their order.</summary>
    private Tensor Read(Pass pass, bool targets, bool validation) => samples!.Read(
        validation,
        pass is { Training: true, Carry: { } carry } ? [.. carry.Samples.Select(finished => finished + 1)] : samples!.Same(pass.Step),
        pass.MicroBatch,
        targets,
        device);

    private Pass WithStarts(Pass pass, bool validation) => job.Data.ResetsAtDocuments
        ? pass with { DocumentStarts = samples!.ReadStarts(validation, pass.Step, pass.MicroBatch, device) }
        : pass;
}
