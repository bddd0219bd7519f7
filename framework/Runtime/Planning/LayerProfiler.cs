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
public sealed class LayerProfiler(ModelDefinition model, JobFile job, ISamples samples, Device device)
{
    private const int Warmup = 2;
    private const int FewestRounds = 5;

    /// <summary>For a cut: it takes differences of a tenth and more between layers to move one.</summary>
    public static readonly TimeSpan Short = TimeSpan.FromMilliseconds(100);

    /// <summary>For a prediction: a second of a shared machine is not like the next.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(1);

    /// <param name="window">How long each kind of layer is measured; five times at least.</param>
    public IReadOnlyList<LayerProfile> Measure(TimeSpan window)
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
                measured = Measure(layer, input, window);
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
        return $"{definition.Build.Method} {definition.Cost} {string.Join(' ', shapes)} {(layer == model.Layers.Count - 1 ? "end" : "")}";
    }

    private (LayerProfile Profile, Tensor Output) Measure(int layer, Tensor input, TimeSpan window)
    {
        try
        {
            return Run(layer, input, window);
        }
        catch (ExternalException failure)
        {
            throw new BadInputException(
                $"The layer {model.Layers[layer].Name} cannot be run on {device} with one micro-batch: {failure.Message.Split('\n')[0]}", failure);
        }
    }

    private (LayerProfile Profile, Tensor Output) Run(int layer, Tensor input, TimeSpan window)
    {
        using var bench = new LayerBench(model, layer, Tied(layer), job, samples, device);
        var rounds = Rounds(layer, bench, input, window);
        var profile = new LayerProfile(
            model.Layers[layer].Name,
            Mean(rounds, times => times.Forward),
            Mean(rounds, times => times.InputGradient),
            Mean(rounds, times => times.WeightGradient),
            Mean(rounds, times => times.Optimizer),
            input.NumberOfElements * input.ElementSize,
            bench.ActivationBytes(input),
            bench.ParameterBytes,
            bench.TiedBytes);
        return (profile, bench.Output(input));
    }

    private List<LayerTimes> Rounds(int layer, LayerBench bench, Tensor input, TimeSpan window)
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
            for (var round = -Warmup; round < FewestRounds || Stopwatch.GetElapsedTime(began) < window; round++)
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

    /// <summary>Not the median: in a pipeline the others wait for whoever is slow just now.</summary>
    private static double Mean(List<LayerTimes> rounds, Func<LayerTimes, double> of) => rounds.Average(of);
}
