using Pipeline.Core;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>A step of a run's trace, as it was measured against what was planned.</summary>
internal static class StepInspector
{
    /// <param name="number">The last one of the trace without it.</param>
    /// <param name="picture">Where to draw it.</param>
    public static void Run(string directory, long? number, string? picture, bool json, TextWriter output)
    {
        var trace = Read(directory);
        var inspection = new Inspection(trace, Choose(trace, number));
        var report = inspection.Report(directory, picture);
        if (picture is not null)
        {
            StepPicture.Save(inspection, picture);
        }

        if (json)
        {
            output.Write(JsonOutput.Of(report));
        }
        else
        {
            InspectionView.Print(inspection, report, output);
        }
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
