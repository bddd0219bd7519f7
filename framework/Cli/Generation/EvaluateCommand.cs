using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Pipeline.Cli.Training;
using Pipeline.Core;
using Pipeline.Runtime.Evaluation;

namespace Pipeline.Cli.Generation;

/// <summary><c>pipeline evaluate CHECKPOINT</c>: a trained model's loss.</summary>
internal static class EvaluateCommand
{
    private const int MostBatches = 100_000;

    public static Command Create()
    {
        var command = new Command("evaluate", "Measure a trained model's loss on data, as its training does.");
        var model = new ModelArguments(command);
        var data = new Option<string[]>("--data")
        {
            Description = "Files or patterns to evaluate on, whole; without it the validation part of the training's data. May be given several times.",
        };
        var batches = new Option<int?>("--batches") { Description = "Batches, of the training's size, to average over; as many as its evaluations without it." };
        var context = new Option<int?>("--context") { Description = "Tokens of a sequence; the training's without it, and at most 1024 of an imported model." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        command.Add(data);
        command.Add(batches);
        command.Add(context);
        command.Add(json);
        command.SetAction(async (parsed, _) =>
        {
            var count = parsed.GetValue(batches);
            if (count is < 1 or > MostBatches)
            {
                throw new BadInputException($"--batches must be from 1 to {MostBatches}, not {count}.");
            }

            var length = parsed.GetValue(context);
            if (length < 1)
            {
                throw new BadInputException($"--context must be at least 1, not {length}.");
            }

            var device = model.Device(parsed);
            var trained = model.Open(parsed);
            using var run = new EvaluationRun(trained, parsed.GetValue(data) is { Length: > 0 } files ? files : null, model.Stages(parsed), device, count, length);
            using var signals = new StopSignals();
            var began = Stopwatch.GetTimestamp();
            try
            {
                var result = await run.RunAsync(signals.Stop);
                var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json)
                    ? JsonOutput.Of(new
                    {
                        Checkpoint = trained.Checkpoint.Directory,
                        trained.Checkpoint.Manifest.Step,
                        run.Stages,
                        Loss = Finite(result.Loss),
                        Perplexity = Finite(result.Perplexity),
                        BitsPerByte = Finite(result.BitsPerByte),
                        result.Measured.Accuracy,
                        result.Measured.SequenceAccuracy,
                        result.Measured.Rmse,
                        result.Tokens,
                        result.Batches,
                        run.Context,
                        Seconds = seconds,
                    })
                    : Line(result, seconds) + "\n");
                return ExitCode.Done;
            }
            catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
            {
                return ExitCode.Interrupted;
            }
        });
        return command;
    }

    internal static string Line(EvaluationResult result, double seconds) =>
        (result.Measured.Rmse is { } error ? Text($"Loss {result.Loss:G4}, RMSE {error:G4}") : Text($"Loss {result.Loss:F4}"))
        + (result.Perplexity is { } perplexity ? Text($" nats a token, perplexity {perplexity:N2}") : "")
        + (result.BitsPerByte is { } bits ? Text($", {bits:F4} bits a byte") : "")
        + (result.Measured.Accuracy is { } accuracy ? $", accuracy {Quantity.Percent(accuracy)}" : "")
        + (result.Measured.SequenceAccuracy is { } whole ? $", whole sequences {Quantity.Percent(whole)}" : "")
        + Text($", over {result.Tokens:N0} {(result.Measured.Rmse is null ? "tokens" : "numbers")}, {Quantity.Time(seconds)}.");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>JSON has no number for what is not finite.</summary>
    private static double? Finite(double? number) => number is { } value && double.IsFinite(value) ? value : null;
}
