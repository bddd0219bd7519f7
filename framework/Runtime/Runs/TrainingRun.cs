using Akka.Actor;
using Akka.Configuration;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Runs;

/// <summary>Trains a plan's model through stage actors, all in this process.</summary>
public static class TrainingRun
{
    /// <summary>Generous: a stage ends after the operator it is in.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; failures too.</returns>
    public static Task<RunSummary> RunAsync(TrainingPlan plan, IRunObserver observer, CancellationToken stop) =>
        RunAsync(plan, stage => CreateExecutor(plan, stage), observer, stop);

    /// <summary>The same with other mathematics: stand-ins that measure the runtime, or that fail at a chosen place.</summary>
    internal static async Task<RunSummary> RunAsync(
        TrainingPlan plan, Func<int, IStageExecutor> createExecutor, IRunObserver observer, CancellationToken stop)
    {
        plan.Directory.Open(Core.Configuration.SettingsWriter.Write(plan.Job), plan.Schedule.ToCsv(), plan.Resumed?.Manifest.Step);
        using var recorder = new RunRecorder(plan.Directory, observer, plan.Resumed?.Manifest.Step ?? 0);
        var system = ActorSystem.Create("pipeline", Settings());
        var outcome = new TaskCompletionSource<RunSummary>(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(FrameReaper.Props(), "frame-reaper");
        var coordinator = system.ActorOf(CoordinatorActor.Props(plan, createExecutor, recorder, outcome), "coordinator");
        coordinator.Tell(StartRun.Instance);
        await using var registration = stop.Register(() => coordinator.Tell(StopRun.Instance));
        try
        {
            return recorder.Summary(await outcome.Task);
        }
        finally
        {
            await StopAsync(system, coordinator);
        }
    }

    private static async Task StopAsync(ActorSystem system, IActorRef coordinator)
    {
        try
        {
            await coordinator.Ask<StagesEnded>(EndStages.Instance, StopLimit);
            await system.Terminate();
        }
        catch (AskTimeoutException)
        {
            // A stage is stuck inside an operator: only the end of the process ends its thread, and the outcome is known already.
        }
    }

    internal static StageExecutor CreateExecutor(TrainingPlan plan, int stage)
    {
        set_num_threads(plan.Job.Parallel.ThreadsPerStage);   // holds for the calling thread: the stage's own
        var executor = new StageExecutor(plan.Partition, stage, plan.Job, plan.Samples, plan.Devices[plan.Schedule.RankOf(stage)]);
        using var reader = plan.Resumed?.Read();
        if (reader is not null)
        {
            executor.Restore(reader.ReadInto);
        }

        return executor;
    }

    private static Config Settings()
    {
        using var stream = typeof(TrainingRun).Assembly.GetManifestResourceStream("cluster.hocon")!;
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }
}
