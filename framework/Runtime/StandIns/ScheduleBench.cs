using System.Globalization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.StandIns;

/// <summary>A schedule as it ran, and as it should have.</summary>
/// <param name="Steps">Measured; the first, which warms up, is not among them.</param>
/// <param name="StepSeconds">Mean.</param>
/// <param name="Bubble">Mean share of a step in which a rank was idle.</param>
/// <param name="Bubbles">The same by rank.</param>
/// <param name="Simulation">With the run's own mean times and optimizer; hand-overs take no time in it.</param>
/// <param name="TransferSeconds">Mean latency of the hand-overs that a stage waited for.</param>
/// <param name="OverheadSeconds">What a step takes longer than simulated, hand-overs included, by action of a rank.</param>
public sealed record ScheduleBenchResult(
    int Steps,
    double StepSeconds,
    double Bubble,
    IReadOnlyList<double> Bubbles,
    Simulation Simulation,
    double TransferSeconds,
    double OverheadSeconds);

/// <summary>Runs a schedule with real actors, messages and coordinator around stages that sleep instead of computing.</summary>
public static class ScheduleBench
{
    /// <param name="seconds">Of the actions, which hold no processor meanwhile: more ranks than cores do.</param>
    /// <param name="steps">At least 2; at most the newest 50 are measured.</param>
    /// <returns>Null when it was stopped.</returns>
    public static async Task<ScheduleBenchResult?> RunAsync(Schedule schedule, ActionTimes seconds, int steps, CancellationToken stop)
    {
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "schedule.csv"), schedule.ToCsv(), CancellationToken.None);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "data"), new string('x', 100), CancellationToken.None);
            var job = Path.Combine(folder.FullName, "job.hocon");
            await File.WriteAllTextAsync(job, Job(schedule, steps, Path.Combine(folder.FullName, "run")), CancellationToken.None);
            using var plan = new TrainingPlan(job, [], [new StandInArchitecture()]);
            var observer = new StepCollector();
            var summary = await TrainingRun.RunAsync(plan, (_, _, stage, _) => new StandInExecutor(schedule, seconds, stage), observer, stop);
            return stop.IsCancellationRequested ? null : summary.Failure is null
                ? Compare(schedule, observer.Steps, ChromeTraceReader.Read(plan.Directory.Trace))
                : throw new IOException(summary.Failure);   // stand-ins compute nothing that could fail
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static ScheduleBenchResult Compare(Schedule schedule, IReadOnlyList<StepMetrics> all, RunTrace trace)
    {
        var steps = all.Skip(1).TakeLast(trace.Steps.Count).ToArray();
        var times = trace.MeanTimes();
        var simulation = Simulator.Run(schedule, times with { Transfer = 0 });
        var stepSeconds = steps.Average(step => step.StepSeconds);
        return new(
            steps.Length,
            stepSeconds,
            steps.Average(step => step.Bubble),
            [.. schedule.Ranks.Select((_, rank) => steps.Average(step => step.Stages[rank].Bubble))],
            simulation,
            times.Transfer,
            (stepSeconds - simulation.Makespan) / schedule.Ranks.Max(row => row.Count));
    }

    private static string Job(Schedule schedule, int steps, string directory) => string.Create(CultureInfo.InvariantCulture, $$"""
        job        { name = bench, steps = {{steps}}, directory = "{{directory}}" }
        model      { architecture = stand-in, layers = {{schedule.Stages}} }
        data       { files = ["data"], validation-fraction = 0 }
        batch      { sequences = {{schedule.MicroBatches}}, micro-batches = {{schedule.MicroBatches}} }
        parallel   { stages = {{schedule.Ranks.Count}}, schedule = custom, schedule-file = "schedule.csv", split = even }
        evaluation { every = 0 }
        checkpoint { every = 0 }
        """);

    private sealed class StepCollector : IRunObserver
    {
        public List<StepMetrics> Steps { get; } = [];

        public void Step(StepMetrics metrics) => Steps.Add(metrics);

        public void Event(RunEvent happened)
        {
        }
    }
}
