using System.CommandLine;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Schedules;

namespace Pipeline.Cli;

/// <summary><c>pipeline simulate NAME</c>: predicts a step from the durations of its actions.</summary>
internal static class SimulateCommand
{
    public static Command Create()
    {
        var options = new ScheduleOptions();
        var forward = Duration("--forward", "Forward of one micro-batch on one stage: 12ms, or a list with one for each stage or each chunk.");
        var input = Duration("--backward-input", "The gradient of a stage's input, likewise.");
        var weight = Duration("--backward-weight", "The gradients of a stage's weights, likewise; a whole backward takes both.");
        var transfer = Duration("--transfer", "Latency of a hand-over between two stages; 0 by default.");
        var optimizer = Duration(
            "--optimizer", "The optimizer step after all stages have ended, or a list with one for each; without it there is no such barrier.");
        var gantt = new Option<bool>("--gantt") { Description = "Print the chart only." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command("simulate", "Predict a step's time, bubble and memory from the durations of its actions.");
        options.AddTo(command);
        foreach (var option in new Option[] { forward, input, weight, transfer, optimizer, gantt, json })
        {
            command.Add(option);
        }

        forward.Required = input.Required = weight.Required = true;
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(gantt) && parsed.GetValue(json))
            {
                throw new BadInputException("Give only one of --gantt and --json.");
            }

            var (f, i, w) = (Read(forward), Read(input), Read(weight));
            var (between, step) = (Read(transfer), parsed.GetValue(optimizer) is null ? null : Read(optimizer));
            if (between.Values.Count > 1)
            {
                throw new BadInputException("--transfer must be one duration, not a list.");
            }

            Durations[] all = [f, i, w, between, .. step is null ? Array.Empty<Durations>() : [step]];
            Func<double, string> format = Durations.HaveUnit(all) ? Summary.Seconds : Summary.Plain;
            var schedule = options.Read(parsed, Times, new[] { f, i, w }.Max(durations => durations.Values.Count));
            var simulation = Simulator.Run(schedule, Times(schedule));
            parsed.InvocationConfiguration.Output.Write(
                parsed.GetValue(gantt) ? Chart.Of(simulation)
                : parsed.GetValue(json) ? Json(simulation)
                : Summary.Of(simulation, format, "with these durations") + "\n" + Chart.Of(simulation));

            ActionTimes Times(Schedule schedule) =>
                ActionTimes.FromLists(schedule, f.Values, i.Values, w.Values, between.Values[0], step?.Values);

            Durations Read(Option<string> option) => Durations.Parse(option.Name, parsed.GetValue(option) ?? "0");
        });
        return command;
    }

    private static Option<string> Duration(string name, string description) => new(name) { Description = description };

    private static string Json(Simulation simulation) => JsonSerializer.Serialize(
        new
        {
            simulation.Makespan,
            simulation.LongestSpan,
            simulation.BubbleRate,
            simulation.PeakActivations,
            simulation.BubbleRates,
            simulation.Spans,
        },
        Summary.Json) + "\n";
}
