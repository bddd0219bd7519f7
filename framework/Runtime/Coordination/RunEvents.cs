using System.Numerics;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Coordination;

/// <summary>What the records say of what happens to a run.</summary>
internal sealed class RunEvents(RunState run)
{
    private readonly RunRecorder recorder = run.Recorder;
    private readonly Workers workers = run.Plan.Stages.Workers;
    private readonly StallWatch stallWatch = new(run.Plan.Stages.Workers);
    private int refusedFrames;

    public void Start()
    {
        var plan = run.Plan;
        var resumed = plan.Resumed is null ? "" : $", continuing {plan.Resumed.Directory}";
        var replicas = workers.Replicas == 1 ? "" : $" of each of {workers.Replicas} replicas";
        recorder.Event("start", $"{plan.Job.Job.Name}: {plan.Partition.Model.ParameterCount:N0} parameters on {workers.Ranks} stages{replicas}{resumed}.");
        foreach (var warning in plan.Warnings)
        {
            recorder.Event("warning", warning);
        }
    }

    /// <summary>An epoch begins that is not the run's first.</summary>
    /// <param name="kind">Of the event.</param>
    /// <param name="reason">Why, without the sentence's end.</param>
    /// <param name="moved">Workers that are in another place now.</param>
    public void Epoch(string kind, string reason, long epoch, RestorePoint point, IEnumerable<(int Worker, WorkerPlace Place)> moved)
    {
        var moves = moved.Select(entry => $"{workers.NameOf(entry.Worker)} is on {entry.Place.Node}/{entry.Place.Device} now");
        recorder.Event(kind, string.Join("; ", [$"{reason}: the run goes on after step {point.Step}, from {point.Origin}, in epoch {epoch}", .. moves]) + ".");
    }

    /// <param name="held">The workers that were there.</param>
    /// <returns>The sentence, which is not in the records yet.</returns>
    public string Lost(RunHost host, IEnumerable<int> held, string reason)
    {
        var names = string.Join(", ", held.Select(workers.NameOf));
        return $"The node {host.Node} was lost{(names.Length > 0 ? $", and with it {names}" : "")}: {reason}";
    }

    /// <returns>The sentence, which is not in the records yet.</returns>
    public string Failed(StageFailed message) => $"{Capital(workers.NameOf(message.Worker))} failed while {message.Doing}: {message.Reason}";

    /// <returns>The sentence, which is not in the records yet.</returns>
    public static string Lost(LinkLost message) => $"{Capital(message.What)}: {message.Reason}";

    public void Injected(FaultFired message) => recorder.Event("injected", $"{Capital(workers.NameOf(message.Worker))}: {message.Fault}, as --inject asks.");

    public void Refused(FrameRefused message)
    {
        refusedFrames++;
        if (BitOperations.IsPow2(refusedFrames))   // a peer that sends many must not fill the records
        {
            recorder.Event("warning", $"{Capital(workers.NameOf(message.Worker))} refused a frame, the {refusedFrames}. of the run: {message.Reason}");
        }
    }

    /// <summary>All processes are asked anew what they are at.</summary>
    public void AskStages() => stallWatch.Begin();

    public void Described(StagesDescribed message)
    {
        if (stallWatch.Take(message.Workers, run.Meter.TypicalAction) is { } stall)
        {
            recorder.Event("warning", stall);
        }
    }

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
