using System.Diagnostics;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>Makes a step's metrics and the run's trace of what the workers have measured, each by its own host's clock.</summary>
internal sealed class StepMeter(RunPlan plan)
{
    private readonly Workers workers = plan.Stages.Workers;
    private readonly TraceRecorder trace = new(plan.Schedule);
    private readonly int[] hostOf = new int[plan.Stages.Workers.Count];
    private HostClocks clocks = new(0);

    /// <summary>The median of the last step's actions.</summary>
    public TimeSpan TypicalAction { get; private set; }

    /// <summary>Who runs the workers, at the beginning of an epoch.</summary>
    /// <param name="hosts">By worker, the number of its process.</param>
    public void Meet(IReadOnlyList<int> hosts)
    {
        clocks = new(hosts.Max() + 1);
        hosts.ToArray().CopyTo(hostOf, 0);
    }

    public void Answered(ClockRead message)
    {
        if (hostOf.Contains(message.Host))
        {
            clocks.Answered(message.Host, message.AskedAt, message.Ticks);
        }
    }

    /// <param name="measured">Of the step's batch.</param>
    /// <param name="seconds">From the step's start until all were ready.</param>
    public StepMetrics Measure(long step, long epoch, Measurement measured, double norm, double seconds, IReadOnlyList<StepReady> reports)
    {
        var finite = double.IsFinite(measured.Loss) && double.IsFinite(norm);
        var perStage = reports.Select(report => new StageMetrics(
            workers.RankOf(report.Worker),
            Seconds(report.Times.Busy),
            Math.Max(0, 1 - (Seconds(report.Times.Busy) / seconds)),
            Seconds(report.Times.Transfer),
            report.Times.PeakInFlight,
            workers.Replicas == 1 ? null : workers.ReplicaOf(report.Worker))).ToArray();
        trace.Ran(step, [.. reports.Take(workers.Ranks).Select(report => OnOwnClock(report.Worker, report.Times.Actions))]);
        Optimized(step - 1, [.. reports.Select(report => report.Times.Optimizer)]);
        TypicalAction = MedianAction(reports);
        var tokens = plan.Data.Targets.Count;
        return new(
            step,
            epoch,
            finite ? measured.Loss : null,
            !finite,
            null,
            double.IsFinite(norm) ? norm : null,
            LearningRate.At(plan.Job.Optimizer, step),
            tokens,
            seconds,
            tokens / seconds,
            perStage.Average(stage => stage.Bubble),
            perStage,
            finite ? measured.Accuracy : null,
            finite ? measured.SequenceAccuracy : null,
            finite ? measured.Rmse : null);
    }

    /// <param name="optimizers">Of each worker, after the step; null where that was reported already.</param>
    public void Optimized(long step, IReadOnlyList<Interval?> optimizers)
    {
        if (optimizers.All(optimizer => optimizer is not null))
        {
            trace.Optimized(step, [.. optimizers.Take(workers.Ranks).Select((optimizer, worker) => OnOwnClock(worker, optimizer!.Value))]);
        }
    }

    public void WriteTrace()
    {
        plan.Directory.CheckOwner();
        trace.Write(plan.Directory.Trace);
    }

    private ActionTime[] OnOwnClock(int worker, IReadOnlyList<ActionTime> actions) =>
        [.. actions.Select(action => action with { Start = clocks.ToOwn(hostOf[worker], action.Start), End = clocks.ToOwn(hostOf[worker], action.End) })];

    private Interval OnOwnClock(int worker, Interval interval) =>
        new(clocks.ToOwn(hostOf[worker], interval.Start), clocks.ToOwn(hostOf[worker], interval.End));

    private static TimeSpan MedianAction(IReadOnlyList<StepReady> reports)
    {
        var ticks = reports.SelectMany(report => report.Times.Actions).Select(action => action.End - action.Start).Order().ToArray();
        return Stopwatch.GetElapsedTime(0, ticks[ticks.Length / 2]);
    }

    private static double Seconds(long ticks) => Stopwatch.GetElapsedTime(0, ticks).TotalSeconds;
}
