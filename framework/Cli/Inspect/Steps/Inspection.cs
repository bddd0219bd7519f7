using Pipeline.Core.Schedules;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>A step of a run as it was measured, beside what the simulator makes of the same schedule with the run's own mean times.</summary>
internal sealed class Inspection
{
    private readonly RunTrace trace;
    private readonly ActionTimes times;
    private readonly Simulation simulation;

    public Inspection(RunTrace trace, StepTrace measured)
    {
        (this.trace, Measured) = (trace, measured);
        times = trace.MeanTimes();
        simulation = Simulator.Run(trace.Schedule, times);
        Planned = StepTrace.Of(measured.Step, simulation);
    }

    public Schedule Schedule => trace.Schedule;

    public StepTrace Measured { get; }

    public StepTrace Planned { get; }

    public InspectionReport Report(string run, string? picture)
    {
        var waited = trace.Transfers(Measured).ToLookup(transfer => Schedule.RankOf(transfer.HandOver.Stage), transfer => transfer.Waited);
        var stages = Measured.Ranks.Select((rank, number) => new StageReport(
            number,
            rank.Busy,
            Measured.BubbleOf(rank),
            Planned.BubbleOf(Planned.Ranks[number]),
            waited[number].Sum(),
            rank.Optimizer?.Seconds,
            (int)Math.Round(simulation.PeakActivations[number] * Schedule.StagesOf[number].Count))).ToArray();
        return new(
            run,
            Schedule.Name,
            Schedule.MicroBatches,
            Measured.Step,
            trace.Steps[0].Step,
            trace.Steps[^1].Step,
            new(Measured.Seconds, Measured.Bubble),
            new(Planned.Seconds, Planned.Bubble),
            times.Transfer,
            stages.MaxBy(stage => stage.BusySeconds)!.Stage,
            stages,
            picture);
    }
}
