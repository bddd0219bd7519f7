using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Cli.Inspect.Functions;
using Pipeline.Cli.Inspect.Steps;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Interpretation;

namespace Pipeline.Cli.Inspect;

/// <summary><c>pipeline inspect PATH</c>: a step of a run as it was measured against what was planned, or the learned functions of a checkpoint.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH")
        {
            Description = "A run directory, such as runs/quickstart, to show a step of; or a checkpoint's folder, to show the functions that its model has learned.",
        };
        var step = new Option<long?>("--step")
        {
            Description = "The step to show; without it the last one in the run's trace.",
            CustomParser = result => Number(result, long.MaxValue),
        };
        var functions = new Option<bool>("--functions") { Description = "Show the learned functions of a run's newest checkpoint, not a step." };
        var layer = new Option<string?>("--layer") { Description = "Functions of this layer only." };
        var from = Whole("--input", "Functions of this input only, counted from 0.");
        var to = Whole("--output", "Functions to this output only, counted from 0.");
        var edges = Whole("--edges", "How many functions to show at most, the strongest; 64 without it.");
        var top = Whole("--top", "How many symbolic candidates to show of a function, 3 without it; more where they fit about as well.");
        var picture = new Option<string?>("--picture") { Description = "Draw the step, measured above planned, or the functions, into this file (.png or .svg)." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("inspect", "Show where a step's time went, measured against planned; or which functions a Kolmogorov-Arnold network has learned.")
        {
            path, step, functions, layer, from, to, edges, top, picture, json,
        };
        command.SetAction(parsed =>
        {
            var (place, file, output) = (parsed.GetRequiredValue(path), parsed.GetValue(picture), parsed.InvocationConfiguration.Output);
            PictureFile.Check(file);
            if (parsed.GetValue(functions) || File.Exists(Path.Combine(place, Manifest.FileName)))
            {
                Refuse(parsed, [step], "goes with a run directory without --functions: it is about a step of its trace");
                var selection = new EdgeSelection(parsed.GetValue(layer), parsed.GetValue(from), parsed.GetValue(to), Positive(parsed, edges) ?? new EdgeSelection().Most);
                FunctionInspector.Run(place, selection, Positive(parsed, top) ?? 3, file, parsed.GetValue(json), output);
            }
            else
            {
                Refuse(parsed, [layer, from, to, edges, top], "goes with a checkpoint's folder, or a run directory and --functions: it is about learned functions");
                StepInspector.Run(place, parsed.GetValue(step), file, parsed.GetValue(json), output);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static Option<int?> Whole(string name, string description) =>
        new(name) { Description = description, CustomParser = result => (int?)Number(result, int.MaxValue) };

    private static long? Number(ArgumentResult result, long largest)
    {
        if (long.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= largest)
        {
            return number;
        }

        var limit = largest < long.MaxValue && result.Tokens[0].Value.All(char.IsAsciiDigit) ? $" up to {largest}" : "";
        result.AddError($"{((OptionResult)result.Parent!).Option.Name} must be a whole number{limit}, not \"{result.Tokens[0].Value}\".");
        return null;
    }

    private static int? Positive(ParseResult parsed, Option<int?> option) => parsed.GetValue(option) is 0
        ? throw new BadInputException($"{option.Name} must be at least 1, not 0.")
        : parsed.GetValue(option);

    private static void Refuse(ParseResult parsed, IEnumerable<Option> options, string why)
    {
        if (options.FirstOrDefault(option => parsed.GetResult(option) is not null) is { } option)
        {
            throw new BadInputException($"{option.Name} {why}.");
        }
    }
}
