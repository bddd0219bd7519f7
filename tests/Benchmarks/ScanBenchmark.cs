using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Benchmarks;

/// <summary>The fused selective scan against the sequential loop of tensor operators, in turn, and its cost at four times the length; and the
/// depthwise causal convolution against libtorch's conv1d.</summary>
internal static class ScanBenchmark
{
    public static Command Create()
    {
        var sequences = new Option<int>("--sequences") { DefaultValueFactory = _ => 4 };
        var channels = new Option<int>("--channels") { DefaultValueFactory = _ => 256 };
        var length = new Option<int>("--length") { DefaultValueFactory = _ => 512 };
        var states = new Option<int>("--states") { DefaultValueFactory = _ => 16 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 11 };
        var command = new Command("scan", "The fused selective scan against a loop of tensor operators.") { sequences, channels, length, states, threads, rounds };
        command.SetAction(parsed =>
        {
            set_num_threads(parsed.GetValue(threads));
            Run(parsed.GetValue(sequences), parsed.GetValue(channels), parsed.GetValue(length), parsed.GetValue(states), parsed.GetValue(rounds));
        });
        return command;
    }

    private static void Run(int sequences, int channels, int length, int states, int rounds)
    {
        using var scope = NewDisposeScope();
        var (one, four) = (Arguments(sequences, channels, length, states), Arguments(sequences, channels, 4 * length, states));
        var weight = randn(channels, 1, 4).requires_grad_(true);
        var figures = new List<double[]>();
        for (var round = -2; round < rounds; round++)
        {
            double[] times =
            [
                .. Time(() => Scan(SelectiveScan.Run, one)),
                .. Time(() => Scan(SelectiveScan.Loop, one)),
                .. Time(() => Scan(SelectiveScan.Run, four)),
                .. Time(() => Operator.CausalConvolution(one[0].detach().requires_grad_(true), weight, null).Output),
                .. Time(() => Convolution(one[0].detach().requires_grad_(true), weight)),
            ];
            if (round >= 0)
            {
                figures.Add(times);
            }
        }

        double Median(int at) => Figures.Median(figures.Select(times => times[at]));
        double Ratio(int over, int under) => Figures.Median(figures.Select(times => (times[over] + times[over + 1]) / (times[under] + times[under + 1])));
        Console.WriteLine(Text($"{sequences} x {length} tokens, {channels} channels, N {states}, {get_num_threads()} threads; ms, medians of {rounds}"));
        Console.WriteLine(Text($"fused:       forward {Median(0):F2}, backward {Median(1):F2}"));
        Console.WriteLine(Text($"loop:        forward {Median(2):F2}, backward {Median(3):F2}"));
        Console.WriteLine(Text($"fused, 4L:   forward {Median(4):F2}, backward {Median(5):F2}"));
        Console.WriteLine(Text($"convolution: forward {Median(6):F2}, backward {Median(7):F2}"));
        Console.WriteLine(Text($"conv1d:      forward {Median(8):F2}, backward {Median(9):F2}"));
        Console.WriteLine(Text($"loop / fused: forward {Figures.Median(figures.Select(times => times[2] / times[0])):F1}, backward {Figures.Median(figures.Select(times => times[3] / times[1])):F1}, both {Ratio(2, 0):F1}"));
        Console.WriteLine(Text($"cost(4L) / cost(L), forward and backward: {Ratio(4, 0):F2}"));
    }

    private delegate (Tensor Output, Tensor State) Function(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState = null, Tensor? starts = null);

    private static Tensor Scan(Function scan, Tensor[] arguments)
    {
        var a = arguments.Select(tensor => tensor.detach().requires_grad_(true)).ToArray();
        return scan(a[0], a[1], a[2], a[3], a[4], a[5]).Output;
    }

    /// <summary>The convolution as libtorch's own operator, from and to channels last.</summary>
    private static Tensor Convolution(Tensor input, Tensor weight) => nn.functional
        .conv1d(cat([zeros(input.shape[0], weight.shape[2] - 1, input.shape[2]), input], 1).transpose(1, 2), weight, groups: input.shape[2])
        .transpose(1, 2).contiguous();

    private static double[] Time(Func<Tensor> forward)
    {
        using var scope = NewDisposeScope();
        var start = Stopwatch.GetTimestamp();
        var output = forward();
        var middle = Stopwatch.GetTimestamp();
        autograd.backward(output, output.detach());
        return [Stopwatch.GetElapsedTime(start, middle).TotalMilliseconds, Stopwatch.GetElapsedTime(middle).TotalMilliseconds];
    }

    /// <summary>As at Mamba's initialisation: rates -1 to -N, time steps .001 to .1.</summary>
    private static Tensor[] Arguments(int sequences, int channels, int length, int states) =>
    [
        randn(sequences, length, channels),
        (rand(sequences, length, channels) * 4.6f - 6.9f).exp(),
        -arange(1, states + 1, ScalarType.Float32).expand(channels, states).contiguous(),
        randn(sequences, length, states),
        randn(sequences, length, states),
        randn(channels),
    ];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
