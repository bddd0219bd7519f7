using System.Diagnostics;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Planning;

/// <summary>Measures a model's layers one by one on the real device, through the code that trains them. Layers of the same kind are measured
/// once. On a CPU as many other threads as the job has further stages do the same work meanwhile: cores share caches, memory and clock.</summary>
public sealed class LayerProfiler(ModelDefinition model, JobFile job, Samples samples, Device device)
{
    private const int Warmup = 2;
    private const int FewestRounds = 5;
    private const int MostRounds = 40;
    private static readonly TimeSpan Enough = TimeSpan.FromMilliseconds(150);

    public IReadOnlyList<LayerProfile> Measure()
    {
        var known = new Dictionary<string, (LayerProfile Profile, Tensor Output)>(StringComparer.Ordinal);
        var profiles = new List<LayerProfile>();
        using var scope = NewDisposeScope();
        var input = samples.Read(false, 1, 0, targets: false, device);
        for (var layer = 0; layer < model.Layers.Count; layer++)
        {
            var kind = KindOf(layer);
            if (!known.TryGetValue(kind, out var measured))
            {
                measured = Measure(layer, input);
                known.Add(kind, measured);
            }

            profiles.Add(measured.Profile with { Name = model.Layers[layer].Name });
            input = measured.Output;
        }

        return profiles;
    }

    /// <summary>Layers are of one kind when one piece of code builds them from parameters of the same shapes at the same cost.</summary>
    private string KindOf(int layer)
    {
        var definition = model.Layers[layer];
        var shapes = definition.Parameters.Select(parameter => string.Join('x', parameter.Shape));
        return $"{definition.Build.Method} {definition.ForwardFlops} {string.Join(' ', shapes)} {(layer == model.Layers.Count - 1 ? "end" : "")}";
    }

    private (LayerProfile Profile, Tensor Output) Measure(int layer, Tensor input)
    {
        using var bench = new LayerBench(model, layer, job, samples, device);
        var rounds = Rounds(layer, bench, input);
        var profile = new LayerProfile(
            model.Layers[layer].Name,
            Median(rounds, times => times.Forward),
            Median(rounds, times => times.InputGradient),
            Median(rounds, times => times.WeightGradient),
            Median(rounds, times => times.Optimizer),
            input.NumberOfElements * input.ElementSize,
            bench.ActivationBytes(input),
            bench.ParameterBytes);
        return (profile, bench.Output(input));
    }

    private List<LayerTimes> Rounds(int layer, LayerBench bench, Tensor input)
    {
        using var stop = new CancellationTokenSource();
        var others = Enumerable.Range(0, OtherThreads()).Select(_ => StartOther(layer, input, stop.Token)).ToArray();
        try
        {
            set_num_threads(job.Parallel.ThreadsPerStage);
            var (rounds, began) = (new List<LayerTimes>(), Stopwatch.GetTimestamp());
            for (var round = -Warmup; round < FewestRounds || (round < MostRounds && Stopwatch.GetElapsedTime(began) < Enough); round++)
            {
                var times = bench.Round(input);
                if (round >= 0)
                {
                    rounds.Add(times);
                }
            }

            return rounds;
        }
        finally
        {
            stop.Cancel();
            Array.ForEach(others, other => other.Join());
        }
    }

    private int OtherThreads() => device.type == TorchSharp.DeviceType.CPU
        ? Math.Min(job.Parallel.Stages, Math.Max(1, Environment.ProcessorCount / job.Parallel.ThreadsPerStage)) - 1
        : 0;

    private Thread StartOther(int layer, Tensor input, CancellationToken stop)
    {
        var thread = new Thread(() =>
        {
            set_num_threads(job.Parallel.ThreadsPerStage);
            using var bench = new LayerBench(model, layer, job, samples, device);
            while (!stop.IsCancellationRequested)
            {
                bench.Round(input);
            }
        });
        thread.Start();
        return thread;
    }

    private static double Median(List<LayerTimes> rounds, Func<LayerTimes, double> of) => rounds.Select(of).Order().ElementAt(rounds.Count / 2);
}
