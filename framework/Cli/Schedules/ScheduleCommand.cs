using System.CommandLine;
using Pipeline.Core;
using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Schedules;

/// <summary><c>pipeline schedule NAME</c>: shows a schedule, as it runs when every action takes one unit of time.</summary>
internal static class ScheduleCommand
{
    public static Command Create()
    {
        var csv = new Option<bool>("--csv") { Description = "Print the actions, one row a stage." };
        var gantt = new Option<bool>("--gantt") { Description = "Print the chart only." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command("schedule", "Show the order in which a schedule runs its micro-batches, its bubble and its memory.");
        var options = new ScheduleOptions(command);
        Option<bool>[] formats = [csv, gantt, json];
        foreach (var format in formats)
        {
            command.Add(format);
        }

        command.SetAction(parsed =>
        {
            if (formats.Count(format => parsed.GetValue(format)) > 1)
            {
                throw new BadInputException("Give only one of --csv, --gantt and --json.");
            }

            var schedule = options.Read(parsed, UnitTimes);
            var simulation = Simulator.Run(schedule, UnitTimes(schedule));
            var output = parsed.InvocationConfiguration.Output;
            output.Write(
                parsed.GetValue(csv) ? schedule.ToCsv()
                : parsed.GetValue(gantt) ? Chart.Of(simulation)
                : parsed.GetValue(json) ? Json(simulation)
                : Summary.Of(simulation, Summary.Plain, Summary.UnitTimes) + "\n" + Chart.Of(simulation));
        });
        return command;
    }

    private static ActionTimes UnitTimes(Schedule schedule) => ActionTimes.PerRank(schedule, 1, 1, 1);

    private static string Json(Simulation simulation)
    {
        var schedule = simulation.Schedule;
        return JsonOutput.Of(
            new
            {
                schedule.Name,
                Stages = schedule.Ranks.Count,
                Chunks = schedule.StagesOf.Max(held => held.Count),
                schedule.MicroBatches,
                schedule.AccumulatesAscending,
                Ranks = schedule.Ranks.Select(row => row.Select(action => action.ToString())),
                simulation.Makespan,
                simulation.LongestSpan,
                simulation.BubbleRate,
                simulation.PeakActivations,
            });
    }
}
