using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Stages;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Devices;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Benchmarks;

/// <summary>What activation recompute saves and costs: the bytes that a stage of transformer blocks keeps of one micro-batch, and the time of
/// its forward and backward, for each rule in turn.</summary>
internal static class RecomputeBenchmark
{
    private static readonly string[] Rules = ["none", "4", "2", "1", "stage"];

    public static Command Create()
    {
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 256 };
        var blocks = new Option<int>("--blocks") { DefaultValueFactory = _ => 8 };
        var context = new Option<int>("--context") { DefaultValueFactory = _ => 256 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 10 };
        var command = new Command("recompute", "Memory kept and time taken, for each rule of parallel.recompute.") { width, blocks, context, rounds };
        command.SetAction(parsed => Run(
            new Gpt2Settings("gpt2", parsed.GetValue(blocks), parsed.GetValue(width), 8, parsed.GetValue(context)), parsed.GetValue(rounds)));
        return command;
    }

    private static void Run(Gpt2Settings settings, int rounds)
    {
        set_num_threads(1);
        var model = new Gpt2().Define(settings, 65);
        var values = model.Parameters.ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        var layers = model.Layers.Take(1..^1).Select(layer => layer.Build(values)).ToArray();
        using var scope = NewDisposeScope();
        var input = randn(4, settings.Context, settings.Width);
        var gradient = randn(4, settings.Context, settings.Width);
        var measured = Rules.ToDictionary(rule => rule, _ => new List<(long Bytes, double Milliseconds)>(), StringComparer.Ordinal);
        for (var round = -1; round < rounds; round++)
        {
            foreach (var rule in Rules)
            {
                var one = Measure(Segment.Cut(layers, 1, model.Layers.Count, new RecomputeRule(rule), (output, _) => output), input, gradient);
                if (round >= 0)
                {
                    measured[rule].Add(one);
                }
            }
        }

        Console.WriteLine(Text($"{settings.Layers} blocks of width {settings.Width}, 4 x {settings.Context} tokens; medians of {rounds}"));
        foreach (var rule in Rules)
        {
            var time = Figures.Median(measured[rule].Zip(measured["none"], (one, none) => one.Milliseconds / none.Milliseconds));
            var bytes = (long)Figures.Median(measured[rule].Select(one => (double)one.Bytes));
            Console.WriteLine(Text($"recompute = {rule,-5}  keeps {ByteSize.Format(bytes),8}  takes {time:F2} times as long"));
        }
    }

    private static (long Bytes, double Milliseconds) Measure(IReadOnlyList<Segment> segments, Tensor input, Tensor gradient)
    {
        using var weights = new ConstantWeights();
        using var graph = new MicroBatchGraph(new Pass(1, 1, 0, Training: true, ScalarType.Float32), weights);
        var before = DeviceMemory.Used(CPU);
        var start = Stopwatch.GetTimestamp();
        using (NewDisposeScope())
        {
            graph.Forward(segments, input.clone());   // its own, as a stage has it
        }

        var bytes = DeviceMemory.Used(CPU) - before;
        using var scope = NewDisposeScope();
        graph.InputGradient(gradient);
        graph.WeightGradient();
        return (bytes, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
