using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Benchmarks;

/// <summary>Mamba-2's scan in chunks, forward and backward, for a length and for four times that, and the same recurrence step by step with
/// libtorch's own autograd; in turn, and the figures are medians.</summary>
internal static class StateSpaceBenchmark
{
    public static Command Create()
    {
        var length = new Option<int>("--length") { DefaultValueFactory = _ => 2048 };
        var heads = new Option<int>("--heads") { DefaultValueFactory = _ => 24 };
        var size = new Option<int>("--head-size") { DefaultValueFactory = _ => 64 };
        var state = new Option<int>("--state") { DefaultValueFactory = _ => 128 };
        var groups = new Option<int>("--groups") { DefaultValueFactory = _ => 1 };
        var sequences = new Option<int>("--sequences") { DefaultValueFactory = _ => 1 };
        var chunk = new Option<int>("--chunk") { DefaultValueFactory = _ => 64 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var loop = new Option<bool>("--loop") { Description = "Measure the step by step recurrence too, at the shorter length." };
        var command = new Command("ssd", "Mamba-2's scan in chunks: cost of four times the length, and against the recurrence step by step.")
        {
            length, heads, size, state, groups, sequences, chunk, rounds, threads, loop,
        };
        command.SetAction(parsed =>
        {
            set_num_threads(parsed.GetValue(threads));
            using var scope = NewDisposeScope();
            Tensor[] Draw(long tokens) => Arguments(
                parsed.GetValue(sequences), tokens, parsed.GetValue(heads), parsed.GetValue(size), parsed.GetValue(groups), parsed.GetValue(state));
            var (one, four) = (Draw(parsed.GetValue(length)), Draw(4L * parsed.GetValue(length)));
            var times = new List<double>[] { [], [], [], [] };
            for (var round = -1; round < parsed.GetValue(rounds); round++)
            {
                var (forward, whole) = Measure(one, arguments => Chunked(arguments, parsed.GetValue(chunk)));
                var (_, long4) = Measure(four, arguments => Chunked(arguments, parsed.GetValue(chunk)));
                var (_, steps) = parsed.GetValue(loop) ? Measure(one, Recurrence) : default;
                if (round >= 0)
                {
                    foreach (var (list, time) in times.Zip([forward, whole, long4, steps]))
                    {
                        list.Add(time);
                    }
                }
            }

            var medians = times.Select(Figures.Median).ToArray();
            Console.WriteLine(Text($"{parsed.GetValue(sequences)} x {parsed.GetValue(length)} tokens, {parsed.GetValue(heads)} heads of {parsed.GetValue(size)}, state {parsed.GetValue(state)}, chunk {parsed.GetValue(chunk)}; ms, medians of {parsed.GetValue(rounds)}"));
            Console.WriteLine(Text($"forward {medians[0]:F1}, forward and backward {medians[1]:F1}; four times the length {medians[2]:F1}: {medians[2] / medians[1]:F2} times"));
            if (parsed.GetValue(loop))
            {
                Console.WriteLine(Text($"step by step {medians[3]:F1}: {medians[3] / medians[1]:F2} times"));
            }
        });
        return command;
    }

    private static Tensor[] Arguments(long sequences, long length, long heads, long size, long groups, long state)
    {
        Tensor[] arguments =
        [
            randn(sequences, length, heads, size),
            empty(sequences, length, heads).uniform_(0.001, 0.1),
            linspace(1, 16, heads).neg(),
            randn(sequences, length, groups, state),
            randn(sequences, length, groups, state),
            ones(heads),
        ];
        return [.. arguments.Select(argument => argument.requires_grad_(true))];
    }

    private static (double Forward, double Whole) Measure(Tensor[] arguments, Func<Tensor[], Tensor> scan)
    {
        using var scope = NewDisposeScope();
        var gradient = ones_like(arguments[0]);
        var start = Stopwatch.GetTimestamp();
        var output = scan(arguments);
        var forward = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        autograd.backward(output, gradient);
        var whole = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        foreach (var argument in arguments)
        {
            argument.grad = null;
        }

        return (forward, whole);
    }

    private static Tensor Chunked(Tensor[] arguments, int chunk) =>
        StateSpaceDual.Run(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], chunk).Output;

    private static Tensor Recurrence(Tensor[] arguments)
    {
        var heads = arguments[0].shape[2] / arguments[3].shape[2];
        var (x, dt, b, c) = (arguments[0].unbind(1), arguments[1].unbind(1), arguments[3].unbind(1), arguments[4].unbind(1));
        var state = zeros(arguments[0].shape[0], arguments[0].shape[2], arguments[0].shape[3], arguments[3].shape[3]);
        var outputs = new List<Tensor>();
        for (var t = 0; t < x.Length; t++)
        {
            var decay = (dt[t] * arguments[2]).exp().unsqueeze(-1).unsqueeze(-1);
            var added = (x[t] * dt[t].unsqueeze(-1)).unsqueeze(-1) * b[t].repeat_interleave(heads, 1).unsqueeze(-2);
            state = Arithmetic.Add(state * decay, added);
            outputs.Add(Arithmetic.Add(state.matmul(c[t].repeat_interleave(heads, 1).unsqueeze(-1)).squeeze(-1), arguments[5].unsqueeze(-1) * x[t]));
        }

        return stack(outputs, 1);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
