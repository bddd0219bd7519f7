using System.CommandLine;
using System.Globalization;
using Pipeline.Core.Partitioning;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Planning;
using Pipeline.Runtime.Runs;
using Pipeline.Stages;
using Pipeline.Tensors.Loading;
using Spectre.Console;

namespace Pipeline.Cli.Planning;

/// <summary><c>pipeline plan JOB</c>: what every schedule would make of a job.</summary>
internal static class PlanCommand
{
    private const int FileWidth = 120;

    public static Command Create()
    {
        var (job, set) = (JobArguments.File(), JobArguments.Set());
        var profile = new Option<string?>("--profile") { Description = "Take the layers' costs from this file instead of measuring them." };
        var save = new Option<string?>("--save-profile") { Description = "Write the layers' costs to this file (JSON)." };
        var count = new Option<bool>("--count") { Description = "Print each layer's parameters, operations and activations; measure and predict nothing." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object and nothing else on standard output." };
        var command = new Command("plan", "Measure a job's layers and predict step time, bubble and memory of every schedule.") { job, set, profile, save, count, json };
        command.SetAction(parsed =>
        {
            var (file, overrides, output) = (parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], parsed.InvocationConfiguration.Output);
            if (!parsed.GetValue(count))
            {
                return Run(file, overrides, parsed.GetValue(profile), parsed.GetValue(save), parsed.GetValue(json), output);
            }

            return (parsed.GetValue(profile) ?? parsed.GetValue(save)) is null
                ? LayerCount.Run(file, overrides, parsed.GetValue(json), output)
                : throw new BadInputException("plan: --count measures nothing, so --profile and --save-profile do not go with it.");
        });
        return command;
    }

    private static int Run(string job, string[] overrides, string? profile, string? save, bool json, TextWriter output)
    {
        if (save is not null && Path.GetDirectoryName(Path.GetFullPath(save)) is var folder && !Directory.Exists(folder))
        {
            throw new BadInputException($"--save-profile: there is no folder {folder}.");
        }

        using var opened = new OpenedJob(job, overrides, Families.All);
        LibTorch.Load();
        var device = Devices.Place(opened.Job.Device, opened.Job.Parallel.Stages)[0];
        var profiles = profile is null
            ? new LayerProfiler(opened.Model, opened.Job, opened.Samples, device).Measure(LayerProfiler.Long)
            : ProfileFile.Read(profile, opened.Model);
        if (save is not null)
        {
            ProfileFile.Write(save, profiles);
        }

        var plan = JobPlan.Of(opened, new JobLayout(opened, device, profiles));
        if (json)
        {
            output.Write(JsonOutput.Of(Summary(opened, profiles, plan)));
        }
        else
        {
            Print(opened, profiles, plan, profile ?? $"measured on {device}", output);
        }

        return ExitCode.Done;
    }

    private static object Summary(OpenedJob opened, IReadOnlyList<LayerProfile> profiles, JobPlan plan) => new
    {
        Parameters = opened.Model.ParameterCount,
        opened.Job.Parallel.Stages,
        opened.Job.Batch.MicroBatches,
        Layers = profiles.Zip(LayerCount.Of(opened.Model), (profile, count) => new
        {
            profile.Name,
            count.Parameters,
            profile.Forward,
            profile.InputGradient,
            profile.WeightGradient,
            profile.Optimizer,
            profile.InputBytes,
            profile.ActivationBytes,
            profile.ParameterBytes,
            profile.TiedBytes,
        }),
        Schedules = plan.Schedules.Select(schedule => new
        {
            schedule.Name,
            schedule.Chunks,
            StepSeconds = schedule.Prediction?.Simulation.Makespan,
            Bubble = schedule.Prediction?.Simulation.BubbleRate,
            PeakActivations = schedule.Prediction?.Simulation.PeakActivations,
            MemoryBytes = schedule.Prediction?.Bytes,
            Split = schedule.Prediction is { } prediction ? Split(opened, prediction) : null,
            schedule.Problem,
        }),
        Recommended = plan.Recommended?.Name,
    };

    private static void Print(OpenedJob opened, IReadOnlyList<LayerProfile> profiles, JobPlan plan, string origin, TextWriter output)
    {
        var (job, console) = (opened.Job, AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }));
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = FileWidth;
        }

        console.WriteLine(Text($"{job.Job.Name}: {job.Model.Architecture}, {opened.Model.ParameterCount:N0} parameters, {job.Parallel.Stages} stages, {job.Batch.MicroBatches} micro-batches"));
        console.Write(Layers(profiles, origin));
        console.Write(Schedules(opened, plan));
        if (plan.Recommended is { } best)
        {
            var split = string.Join(", ", Split(opened, best.Prediction!));
            console.WriteLine($"Recommended: parallel {{ schedule = {best.Name}, chunks = {best.Chunks}, split = [{split}] }}");
        }
        else
        {
            console.WriteLine("No schedule can run this job.");
        }
    }

    private static Table Layers(IReadOnlyList<LayerProfile> profiles, string origin)
    {
        var table = new Table().Border(TableBorder.Rounded).Title($"Layers, one micro-batch ({origin})".EscapeMarkup())
            .AddColumns("layer", "forward", "input gradient", "weight gradient", "optimizer", "activations", "parameters");
        foreach (var column in table.Columns.Skip(1))
        {
            column.RightAligned();
        }

        foreach (var layer in profiles)
        {
            table.AddRow(
                layer.Name.EscapeMarkup(), Quantity.Time(layer.Forward), Quantity.Time(layer.InputGradient), Quantity.Time(layer.WeightGradient), Quantity.Time(layer.Optimizer),
                ByteSize.Format(layer.ActivationBytes), ByteSize.Format(layer.ParameterBytes));
        }

        return table;
    }

    private static Table Schedules(OpenedJob opened, JobPlan plan)
    {
        var tokens = opened.Samples.TargetsPerStep(opened.Job);
        var table = new Table().Border(TableBorder.Rounded).Title("Predicted")
            .AddColumns("schedule", "chunks", "step", "tokens/s", "bubble", "peak activations", "memory of each stage");
        foreach (var column in table.Columns.Skip(1).Take(4))
        {
            column.RightAligned();
        }

        foreach (var schedule in plan.Schedules)
        {
            if (schedule.Prediction is not { Simulation: var simulation } prediction)
            {
                table.AddRow(new Markup(schedule.Name), new Markup(Text($"{schedule.Chunks}")), new Markup("-"), new Markup("-"), new Markup("-"),
                    new Markup($"[grey]{schedule.Problem.EscapeMarkup()}[/]"), new Markup(""));
                continue;
            }

            var name = schedule == plan.Recommended ? $"[bold green]{schedule.Name}[/]" : schedule.Name;
            table.AddRow(
                name,
                Text($"{schedule.Chunks}"),
                Quantity.Time(simulation.Makespan),
                Text($"{tokens / simulation.Makespan:N0}"),
                Quantity.Percent(simulation.BubbleRate),
                string.Join(' ', simulation.PeakActivations.Select(peak => Text($"{peak:0.##}"))),
                string.Join(", ", prediction.Bytes.Select(ByteSize.Format)));
        }

        return table;
    }

    /// <summary>As <c>parallel.split</c> takes it: embedding and head go along uncounted.</summary>
    private static IReadOnlyList<int> Split(OpenedJob opened, StepPrediction prediction) =>
        LayerSplit.CountsOf(opened.Model.Layers.Count, prediction.Cuts);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
