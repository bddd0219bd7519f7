using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Schedules;

/// <summary>What <c>pipeline schedule</c>, <c>simulate</c> and <c>bench schedule</c> take alike: a schedule by its name and size, or from a file.</summary>
internal sealed class ScheduleOptions
{
    private static readonly IReadOnlyList<string> Names = [.. ScheduleCatalog.Names, AutomaticSchedule.Name, CustomSchedule.Name];

    private readonly Argument<string> name = new("NAME") { Description = $"One of {string.Join(", ", Names)}." };

    private readonly Option<int?> stages = WholeNumber(
        "--stages", ScheduleCatalog.MostStages, "Stages of the pipeline: devices, each with one or more chunks of the model.");

    private readonly Option<int?> microBatches = WholeNumber("--micro-batches", ScheduleCatalog.MostMicroBatches, "Micro-batches of a step.");

    private readonly Option<int?> chunks = WholeNumber(
        "--chunks", ScheduleCatalog.MostStages, "Chunks of the model on each stage; the schedule's own number by default.");

    private readonly Option<string?> file = new("--file")
    {
        Description = "For custom: the schedule as CSV, one row a stage, cells such as 0F0,0I0,0W0,0B0.",
    };

    private readonly Option<double?> memoryLimit = new("--memory-limit")
    {
        Description = "The most micro-batches whose activations a stage may hold at once; no limit by default.",
        CustomParser = result => double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var limit) && limit > 0
            ? limit
            : Wrong<double?>(result, "--memory-limit must be a number above 0"),
    };

    public ScheduleOptions(Command command)
    {
        command.Add(name);
        foreach (var option in new Option[] { stages, microBatches, chunks, file, memoryLimit })
        {
            command.Add(option);
        }
    }

    /// <param name="times">The durations for a schedule, for which the automatic one is searched.</param>
    /// <param name="perStage">Where durations are a list with so many entries, more than stages: it says how many chunks there are.</param>
    /// <exception cref="BadInputException">There is no such schedule.</exception>
    public Schedule Read(ParseResult parsed, Func<Schedule, ActionTimes> times, int? perStage = null)
    {
        var asked = parsed.GetRequiredValue(name);
        if (!Names.Contains(asked))
        {
            throw new BadInputException(EditDistance.Nearest(asked, Names) is { } nearest
                ? $"{QuotedText.Of(asked)} is not a schedule; did you mean {nearest}?"
                : $"{QuotedText.Of(asked)} is not a schedule; allowed are {string.Join(", ", Names)}.");
        }

        Refuse(asked != CustomSchedule.Name && parsed.GetValue(file) is not null, "--file is only for the schedule custom.");
        var limit = parsed.GetValue(memoryLimit) ?? double.PositiveInfinity;
        var schedule = asked == CustomSchedule.Name ? ReadCustom(parsed) : Create(parsed, asked, times, perStage, limit);
        var peak = Simulator.Run(schedule, times(schedule)).PeakActivations.Max();
        Refuse(
            peak > limit + 1e-9,
            string.Create(
                CultureInfo.InvariantCulture, $"{schedule.Name} holds up to {peak:0.###} micro-batches, more than --memory-limit {limit}."));
        return schedule;
    }

    private Schedule Create(ParseResult parsed, string asked, Func<Schedule, ActionTimes> times, int? perStage, double limit)
    {
        var ranks = parsed.GetValue(stages) ?? throw Missing(asked, stages);
        var count = parsed.GetValue(microBatches) ?? throw Missing(asked, microBatches);
        var held = parsed.GetValue(chunks);
        if (asked == AutomaticSchedule.Name)
        {
            var listed = perStage > ranks && perStage % ranks == 0 ? perStage / ranks : null;
            return AutomaticSchedule.Find(ranks, count, held ?? listed, times, limit);
        }

        return ScheduleCatalog.Create(asked, ranks, held ?? ScheduleCatalog.DefaultChunks(asked), count);
    }

    private Schedule ReadCustom(ParseResult parsed)
    {
        var path = parsed.GetValue(file) ?? throw Missing(CustomSchedule.Name, file);
        var schedule = CustomSchedule.Read(path);
        Agree(path, stages, schedule.Ranks.Count, "stages");
        Agree(path, microBatches, schedule.MicroBatches, "micro-batches");
        Agree(path, chunks, schedule.StagesOf.Max(held => held.Count), "chunks a stage");
        return schedule;

        void Agree(string path, Option<int?> option, int found, string what) =>
            Refuse(
                parsed.GetValue(option) is { } given && given != found,
                string.Create(CultureInfo.InvariantCulture, $"{option.Name} is {parsed.GetValue(option)}, but {path} has {found} {what}."));
    }

    private static BadInputException Missing(string schedule, Option option) => new($"The schedule {schedule} needs {option.Name}.");

    private static void Refuse(bool wrong, string sentence)
    {
        if (wrong)
        {
            throw new BadInputException(sentence);
        }
    }

    private static Option<int?> WholeNumber(string name, int most, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
            int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= most
                ? number
                : Wrong<int?>(result, string.Create(CultureInfo.InvariantCulture, $"{name} must be a whole number from 1 to {most}")),
    };

    private static T? Wrong<T>(ArgumentResult result, string allowed)
    {
        result.AddError($"{allowed}, not {QuotedText.Of(QuotedText.Shorten(result.Tokens[0].Value))}.");
        return default;
    }
}
