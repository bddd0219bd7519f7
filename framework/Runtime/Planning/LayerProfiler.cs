using System.Diagnostics;
using System.Runtime.InteropServices;
using Pipeline.Core;
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
        try
        {
            return Run(layer, input);
        }
        catch (ExternalException failure)
        {
            throw new BadInputException(
                $"The layer {model.Layers[layer].Name} cannot be run on {device} with one micro-batch: {failure.Message.Split('\n')[0]}", failure);
        }
    }

    private (LayerProfile Profile, Tensor Output) Run(int layer, Tensor input)
    {
        using var bench = new LayerBench(model, layer, Tied(layer), job, samples, device);
        var rounds = Rounds(layer, bench, input);
        var profile = new LayerProfile(
            model.Layers[layer].Name,
            Median(rounds, times => times.Forward),
            Median(rounds, times => times.InputGradient),
            Median(rounds, times => times.WeightGradient),
            Median(rounds, times => times.Optimizer),
            input.NumberOfElements * input.ElementSize,
            bench.ActivationBytes(input),
            bench.ParameterBytes,
            bench.TiedBytes);
        return (profile, bench.Output(input));
    }

    private List<LayerTimes> Rounds(int layer, LayerBench bench, Tensor input)
    {
        using var stop = new CancellationTokenSource();
        using var running = new CountdownEvent(1 + OtherThreads());
        var others = Enumerable.Range(0, OtherThreads()).Select(_ => Task.Factory.StartNew(
            () => Load(layer, input, running, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        try
        {
            set_num_threads(job.Parallel.ThreadsPerStage);
            running.Signal();
            running.Wait();
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
            Array.ForEach(others, other => other.GetAwaiter().GetResult());
        }
    }

    private int OtherThreads() => device.type == TorchSharp.DeviceType.CPU
        ? Math.Min(job.Parallel.Stages, Math.Max(1, Environment.ProcessorCount / job.Parallel.ThreadsPerStage)) - 1
        : 0;

    /// <summary>Does the same work until told to stop, on a thread of its own.</summary>
    private void Load(int layer, Tensor input, CountdownEvent running, CancellationToken stop)
    {
        var ready = false;
        try
        {
            set_num_threads(job.Parallel.ThreadsPerStage);
            using var bench = new LayerBench(model, layer, Tied(layer), job, samples, device);
            bench.Round(input);
            running.Signal();
            for (ready = true; !stop.IsCancellationRequested;)
            {
                bench.Round(input);
            }
        }
        catch when (!ready)
        {
            running.Signal();   // whoever waits goes on, and sees the failure at the end
            throw;
        }
    }

    /// <summary>Parameters that an earlier layer has too.</summary>
    private HashSet<string> Tied(int layer) =>
        [.. model.Layers[layer].Parameters.Select(p => p.Name).Intersect(model.Layers.Take(layer).SelectMany(earlier => earlier.Parameters).Select(p => p.Name))];

    private static double Median(List<LayerTimes> rounds, Func<LayerTimes, double> of) => rounds.Select(of).Order().ElementAt(rounds.Count / 2);
}
