using Akka.Actor;
using Akka.Configuration;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Runs;

/// <summary>Trains a plan's model through stage actors, all in this process.</summary>
public static class TrainingRun
{
    private static readonly TimeSpan TerminationLimit = TimeSpan.FromSeconds(10);

    /// <summary>Generous: a stage ends after the operator it is in.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; failures too.</returns>
    public static Task<RunSummary> RunAsync(TrainingPlan plan, IRunObserver observer, CancellationToken stop) =>
        RunAsync(plan, plan.Stages.CreateExecutor, observer, stop);

    /// <summary>The same with other mathematics: stand-ins that measure the runtime, or that fail at a chosen place.</summary>
    internal static async Task<RunSummary> RunAsync(TrainingPlan plan, CreateExecutor createExecutor, IRunObserver observer, CancellationToken stop)
    {
        var system = ActorSystem.Create("pipeline", Settings());
        var devices = plan.Devices.Index().ToDictionary(entry => entry.Index, entry => entry.Item);
        var host = system.ActorOf(StageHostActor.Props(new(plan.Stages, devices, createExecutor, null)), "host");
        try
        {
            return await RunAsync(system, plan, [new(host, Environment.MachineName, [.. devices.Keys], null)], Guid.Empty, null, observer, stop);
        }
        finally
        {
            await system.Terminate().WaitAsync(TerminationLimit, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Trains through workers that are ready to start in other processes, or in this one.</summary>
    /// <param name="run">The run's secret.</param>
    /// <param name="plane">This process's end of the tensor plane; null where all workers are in this process.</param>
    internal static async Task<RunSummary> RunAsync(
        ActorSystem system,
        TrainingPlan plan,
        IReadOnlyList<HostedWorkers> hosts,
        Guid run,
        ITensorPlane? plane,
        IRunObserver observer,
        CancellationToken stop)
    {
        plan.TakeDirectory();
        using var recorder = new RunRecorder(plan.Directory, observer, plan.Resumed?.Manifest.Step ?? 0);
        var outcome = new TaskCompletionSource<RunSummary>(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(FrameReaper.Props());
        var coordinator = system.ActorOf(CoordinatorActor.Props(plan, recorder, outcome), "coordinator");
        coordinator.Tell(new StartRun(run, hosts, plane));
        await using var registration = stop.Register(() => coordinator.Tell(StopRun.Instance));
        try
        {
            return await Task.WhenAny(outcome.Task, system.WhenTerminated) == outcome.Task
                ? recorder.Summary(await outcome.Task)
                : throw new IOException("This process is no longer a member of the cluster, so the run cannot go on.");
        }
        finally
        {
            // A stage may be stuck inside an operator: only the end of its process ends its thread, and the outcome is known already.
            await coordinator.Ask<RunEnded>(EndRun.Instance, StopLimit, CancellationToken.None).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    internal static Config Settings()
    {
        using var stream = typeof(TrainingRun).Assembly.GetManifestResourceStream("cluster.hocon")!;
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }
}
