using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Inspect;

/// <summary><c>pipeline inspect RUN</c>: a step as it was measured against what was planned.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "A run directory, such as runs/quickstart." };
        var step = new Option<long?>("--step")
        {
            Description = "The step to show; without it the last one in the run's trace.",
            CustomParser = Number,
        };
        var picture = new Option<string?>("--picture") { Description = "Draw the step, measured above planned, into this file (.png or .svg)." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("inspect", "Show where a step's time went, measured against planned.") { run, step, picture, json };
        command.SetAction(parsed =>
        {
            var (directory, file) = (parsed.GetRequiredValue(run), parsed.GetValue(picture));
            StepPicture.Check(file);
            var trace = Read(directory);
            var inspection = new Inspection(trace, Choose(trace, parsed.GetValue(step)));
            var report = inspection.Report(directory, file);
            if (file is not null)
            {
                StepPicture.Save(inspection, file);
            }

            if (parsed.GetValue(json))
            {
                parsed.InvocationConfiguration.Output.Write(JsonOutput.Of(report));
            }
            else
            {
                InspectionView.Print(inspection, report, parsed.InvocationConfiguration.Output);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static long? Number(ArgumentResult result)
    {
        if (long.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        result.AddError($"--step must be a whole number, not \"{result.Tokens[0].Value}\".");
        return null;
    }

    private static RunTrace Read(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new BadInputException($"{directory}: there is no such run directory.");
        }

        var path = Path.Combine(directory, Path.GetFileName(new RunDirectory(directory).Trace));
        return File.Exists(path)
            ? ChromeTraceReader.Read(path)
            : throw new BadInputException($"{directory} has no trace.json; a run writes it when it ends.");
    }

    private static StepTrace Choose(RunTrace trace, long? number) => number is null
        ? trace.Steps[^1]
        : trace.Steps.FirstOrDefault(step => step.Step == number)
            ?? throw new BadInputException($"--step: the trace holds the steps {trace.Steps[0].Step} to {trace.Steps[^1].Step}, not {number}.");
}
