using System.Diagnostics;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Devices;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Planning;

/// <summary>Seconds of one layer and one micro-batch; the optimizer's are of a step.</summary>
internal readonly record struct LayerTimes(double Forward, double InputGradient, double WeightGradient, double Optimizer);

/// <summary>One layer with parameters of its own, run as a stage runs it. All calls come from one thread.</summary>
internal sealed class LayerBench : IDisposable
{
    private readonly Device device;
    private readonly Pass pass;
    private readonly ConstantWeights weights = new();
    private readonly Parameter[] parameters;
    private readonly Parameter[] owned;
    private readonly Optimizer optimizer;
    private readonly IReadOnlyList<Segment> segments;

    /// <param name="tied">Names of parameters that are copies of another layer's, and so have no optimizer.</param>
    public LayerBench(ModelDefinition model, int index, IReadOnlySet<string> tied, JobFile job, ISamples samples, Device device)
    {
        this.device = device;
        pass = new Pass(job.Job.Seed, 1, 0, Training: true, Precision.Of(job.Precision.Compute)) { LossShare = 1.0 / job.Batch.MicroBatches };
        var definition = model.Layers[index];
        parameters = [.. definition.Parameters.Select(p => new Parameter(p, job.Job.Seed, Precision.Of(job.Precision.Parameters), device))];
        TiedBytes = parameters.Where(p => tied.Contains(p.Name)).Sum(BytesOf);
        owned = definition.IsWithoutGradient ? [] : [.. parameters.Where(p => !tied.Contains(p.Name) && p.Definition.IsOptimized)];
        optimizer = Optimizer.Of(ParameterPiece.Whole(owned), job.Optimizer.IsLbfgs ? new() : job.Optimizer);   // L-BFGS takes time of this order
        var layer = definition.Build(parameters.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal));
        var last = index == model.Layers.Count - 1;
        segments =
        [
            new((input, forward) => layer.Forward(input, forward) is var output && last
                ? model.Objective.Loss(output, samples.Read(false, 1, 0, targets: true, device), forward)
                : output, Recompute: false),
        ];
    }

    public long ParameterBytes => parameters.Sum(BytesOf);

    public long TiedBytes { get; }

    /// <returns>In the caller's scope, without history.</returns>
    public Tensor Output(Tensor input)
    {
        using var graph = new MicroBatchGraph(pass, weights);
        return graph.Forward(segments, input);
    }

    public LayerTimes Round(Tensor input)
    {
        using var scope = NewDisposeScope();
        using var graph = new MicroBatchGraph(pass, weights);
        var start = Now();
        var output = graph.Forward(segments, input);
        var forward = Now();
        using var gradient = ones_like(output);
        var begin = Now();
        graph.InputGradient(gradient);
        var inputGradient = Now();
        graph.WeightGradient();
        var weightGradient = Now();
        SquaredNorm.Of([.. owned.Select(parameter => parameter.Gradient!)]);
        optimizer.Apply(1, 0, 1);
        var end = Now();
        foreach (var parameter in parameters)
        {
            parameter.ClearGradient();
        }

        return new(Seconds(start, forward), Seconds(begin, inputGradient), Seconds(inputGradient, weightGradient), Seconds(weightGradient, end));
    }

    /// <summary>What a forward keeps: the growth of memory from some to twice as many micro-batches alive. On a GPU memory is handed out in
    /// large blocks, so there it takes several to see.</summary>
    public long ActivationBytes(Tensor input)
    {
        var count = device.type == TorchSharp.DeviceType.CPU ? 1 : 8;
        var alive = new List<MicroBatchGraph>();
        try
        {
            Grow();
            var some = DeviceMemory.Used(device);
            Grow();
            return Math.Max(0, (DeviceMemory.Used(device) - some) / count);
        }
        finally
        {
            alive.ForEach(graph => graph.Dispose());
        }

        void Grow()
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = NewDisposeScope();
                alive.Add(new(pass, weights));
                alive[^1].Forward(segments, input.clone());   // its own, as a stage has it
            }
        }
    }

    public void Dispose()
    {
        foreach (var parameter in parameters)
        {
            parameter.ClearGradient();
            parameter.Dispose();
        }

        weights.Dispose();
        optimizer.Dispose();
    }

    private long Now()
    {
        if (device.type != TorchSharp.DeviceType.CPU)
        {
            cuda.synchronize(device);
        }

        return Stopwatch.GetTimestamp();
    }

    private static long BytesOf(Parameter parameter) => parameter.Value.NumberOfElements * parameter.Value.ElementSize;

    private static double Seconds(long start, long end) => Stopwatch.GetElapsedTime(start, end).TotalSeconds;
}
