using System.CommandLine;
using Pipeline.Core;
using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Schedules;

/// <summary><c>pipeline simulate NAME</c>: predicts a step from the durations of its actions.</summary>
internal static class SimulateCommand
{
    public static Command Create()
    {
        var gantt = new Option<bool>("--gantt") { Description = "Print the chart only." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command("simulate", "Predict a step's time, bubble and memory from the durations of its actions.");
        var (options, durations) = (new ScheduleOptions(command), new DurationOptions(command, transfers: true));
        command.Add(gantt);
        command.Add(json);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(gantt) && parsed.GetValue(json))
            {
                throw new BadInputException("Give only one of --gantt and --json.");
            }

            var given = durations.Read(parsed);
            Func<double, string> format = given.HaveUnit ? Quantity.Time : Summary.Plain;
            var schedule = options.Read(parsed, given.For, given.Longest);
            var simulation = Simulator.Run(schedule, given.For(schedule));
            parsed.InvocationConfiguration.Output.Write(
                parsed.GetValue(gantt) ? Chart.Of(simulation)
                : parsed.GetValue(json) ? Json(simulation)
                : Summary.Of(simulation, format, "with these durations") + "\n" + Chart.Of(simulation));
        });
        return command;
    }

    private static string Json(Simulation simulation) => JsonOutput.Of(
        new
        {
            simulation.Makespan,
            simulation.LongestSpan,
            simulation.BubbleRate,
            simulation.PeakActivations,
            simulation.BubbleRates,
            simulation.Spans,
        });
}
