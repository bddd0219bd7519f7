using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Benchmarks;

/// <summary>What the split backward costs: input gradients and weight gradients one after the other, against libtorch's own backward over the
/// same transformer blocks, in turn on one thread; the figure is the median of the ratios within a round.</summary>
internal static class BackwardBenchmark
{
    public static Command Create()
    {
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 512 };
        var blocks = new Option<int>("--blocks") { DefaultValueFactory = _ => 2 };
        var sequences = new Option<int>("--sequences") { DefaultValueFactory = _ => 4 };
        var context = new Option<int>("--context") { DefaultValueFactory = _ => 128 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 40 };
        var bias = new Option<bool>("--bias");
        var command = new Command("backward", "Input plus weight gradients against libtorch's backward.") { width, blocks, sequences, context, rounds, bias };
        command.SetAction(parsed => Run(
            new Gpt2Settings("gpt2", parsed.GetValue(blocks), parsed.GetValue(width), 8, parsed.GetValue(context), 0, parsed.GetValue(bias)),
            parsed.GetValue(sequences),
            parsed.GetValue(rounds)));
        return command;
    }

    private static void Run(Gpt2Settings settings, int sequences, int rounds)
    {
        set_num_threads(1);
        var model = new Gpt2().Define(settings, 65);
        var parameters = model.Parameters.ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU), StringComparer.Ordinal);
        var values = parameters.ToDictionary(p => p.Key, p => p.Value.Value, StringComparer.Ordinal);
        var layers = model.Layers.Take(1..^1).Select(layer => layer.Build(values)).ToArray();
        using var scope = NewDisposeScope();
        var input = randn(sequences, settings.Context, settings.Width);
        var gradient = randn(sequences, settings.Context, settings.Width);
        var (whole, split) = (new List<double[]>(), new List<double[]>());
        for (var round = -3; round < rounds; round++)
        {
            var (one, two) = (Round(layers, input, gradient, isSplit: false), Round(layers, input, gradient, isSplit: true));
            if (round >= 0)
            {
                whole.Add(one);
                split.Add(two);
            }
        }

        Console.WriteLine(Text($"width {settings.Width}, {settings.Layers} blocks, {sequences} x {settings.Context} tokens, bias {settings.Bias}; ms, medians of {rounds}"));
        Console.WriteLine(Text($"libtorch: forward {Median(whole, 0):F2}, backward {Median(whole, 1):F2}"));
        Console.WriteLine(Text($"split:    forward {Median(split, 0):F2}, input gradients {Median(split, 1):F2}, weight gradients {Median(split, 2):F2}"));
        Console.WriteLine(Text($"(input + weight gradients) / backward: {Figures.Median(whole.Zip(split, (one, two) => (two[1] + two[2]) / one[1])):F3}"));
    }

    /// <summary>The second of two micro-batches: the first one only allocates the gradients.</summary>
    private static double[] Round(Layer[] layers, Tensor input, Tensor gradient, bool isSplit)
    {
        double[] times = [];
        using var weights = new ConstantWeights();
        for (var microBatch = 0; microBatch < 2; microBatch++)
        {
            using var scope = NewDisposeScope();
            using var later = isSplit ? new WeightGradients(weights) : null;
            var pass = new Pass(1, 1, microBatch, Training: true, ScalarType.Float32, later);
            var leaf = input.detach().requires_grad_(true);
            var start = Stopwatch.GetTimestamp();
            var output = layers.Aggregate(leaf, (value, layer) => layer.Forward(value, pass));
            var forward = Stopwatch.GetTimestamp();
            autograd.backward(output, gradient);
            var backward = Stopwatch.GetTimestamp();
            later?.Compute();
            var end = Stopwatch.GetTimestamp();
            times = [Milliseconds(start, forward), Milliseconds(forward, backward), Milliseconds(backward, end)];
        }

        return times;
    }

    private static double Median(List<double[]> rounds, int part) => Figures.Median(rounds.Select(times => times[part]));

    private static double Milliseconds(long start, long end) => Stopwatch.GetElapsedTime(start, end).TotalMilliseconds;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
