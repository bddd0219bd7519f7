using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Cli.Training;
using Pipeline.Core;
using Pipeline.Runtime.StandIns;

namespace Pipeline.Cli.Schedules;

/// <summary><c>pipeline bench</c>: what the runtime itself does with time, without a model.</summary>
internal static class BenchCommand
{
    private const int MostSteps = 10_000;

    public static Command Create() => new("bench", "Measure the runtime itself.") { Schedule(), TransportCommand.Create(), TransportCommand.CreatePeer() };

    private static Command Schedule()
    {
        var command = new Command("schedule", "Run a schedule with real actors and messages around stages that sleep, and compare with the simulator.");
        var (options, durations) = (new ScheduleOptions(command), new DurationOptions(command, transfers: false));
        var steps = new Option<int>("--steps")
        {
            Description = "Steps to run; the first only warms up, and at most the newest 50 are measured.",
            DefaultValueFactory = _ => 10,
            CustomParser = Steps,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        command.Add(steps);
        command.Add(json);
        command.SetAction(async (parsed, _) =>
        {
            var given = durations.Read(parsed);
            if (!given.HaveUnit && new[] { given.Forward, given.InputGradient, given.WeightGradient }.Any(one => one.HasUnit is not null))
            {
                throw new BadInputException("bench schedule: stages sleep for real, so durations need a unit (ms, us, s).");
            }

            var schedule = options.Read(parsed, given.For, given.Longest);
            using var signals = new StopSignals();
            var result = await ScheduleBench.RunAsync(schedule, given.For(schedule), parsed.GetValue(steps), signals.Stop);
            if (result is null)
            {
                return ExitCode.Interrupted;
            }

            parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json) ? Json(result) : Text(result));
            return ExitCode.Done;
        });
        return command;
    }

    private static int Steps(ArgumentResult result)
    {
        if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 2 and <= MostSteps)
        {
            return number;
        }

        result.AddError($"--steps must be a whole number from 2 to {MostSteps}, not \"{result.Tokens[0].Value}\".");
        return 0;
    }

    private static string Json(ScheduleBenchResult result) => JsonOutput.Of(
        new
        {
            Schedule = result.Simulation.Schedule.Name,
            result.Steps,
            result.StepSeconds,
            SimulatedSeconds = result.Simulation.Makespan,
            BubbleRate = result.Bubble,
            SimulatedBubbleRate = result.Simulation.BubbleRate,
            BubbleRates = result.Bubbles,
            SimulatedBubbleRates = result.Simulation.BubbleRates,
            result.TransferSeconds,
            result.OverheadSeconds,
        });

    private static string Text(ScheduleBenchResult result) => string.Create(CultureInfo.InvariantCulture, $"""
        {result.Simulation.Schedule.Name}: {result.Simulation.Schedule.Ranks.Count} stages, {result.Simulation.Schedule.MicroBatches} micro-batches, {result.Steps} steps
                     measured    simulated with the measured times
          step       {Quantity.Time(result.StepSeconds),-10}  {Quantity.Time(result.Simulation.Makespan)}
          bubble     {Quantity.Percent(result.Bubble),-10}  {Quantity.Percent(result.Simulation.BubbleRate)}
          by stage   {string.Join(' ', result.Bubbles.Select(Quantity.Percent))}
          simulated  {string.Join(' ', result.Simulation.BubbleRates.Select(Quantity.Percent))}
        Runtime overhead: {1e6 * result.OverheadSeconds:F1} us an action of a stage; hand-overs that a stage waited for took {1e6 * result.TransferSeconds:F0} us.

        """);
}
