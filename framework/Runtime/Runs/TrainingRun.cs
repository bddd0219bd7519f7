using Akka.Actor;
using Akka.Configuration;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Runs;

/// <summary>Trains a plan's model through stage actors, all in this process.</summary>
public static class TrainingRun
{
    private static readonly TimeSpan TerminationLimit = TimeSpan.FromSeconds(10);

    /// <summary>A node that leaves the cluster has ten seconds for it; a longer step is run again under the next coordinator.</summary>
    private static readonly TimeSpan AbandonLimit = TimeSpan.FromSeconds(5);

    /// <summary>Generous: a stage ends after the operator it is in.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; failures too.</returns>
    public static Task<RunSummary> RunAsync(TrainingPlan plan, IRunObserver observer, CancellationToken stop) =>
        RunAsync(plan, (stages, worker, stage, device) => stages.CreateExecutor(worker, stage, device), observer, stop);

    /// <summary>The same with other mathematics: stand-ins that measure the runtime, or that fail at a chosen place.</summary>
    internal static async Task<RunSummary> RunAsync(TrainingPlan plan, CreateExecutor createExecutor, IRunObserver observer, CancellationToken stop)
    {
        var system = ActorSystem.Create("pipeline", Settings());
        var host = system.ActorOf(
            RunHostActor.Props(new(0, Guid.Empty, (_, step, checkpoint) => plan.Stages.At(step, checkpoint), createExecutor, _ => { }, null)), "host");
        try
        {
            system.ActorOf(FrameReaper.Props());
            return await RunAsync(system, plan.Run, Alone(plan, host), new(Guid.Empty, null, null, 0), observer, stop);
        }
        finally
        {
            await system.Terminate().WaitAsync(TerminationLimit, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>All workers in one process, on the plan's devices.</summary>
    internal static StartRun Alone(TrainingPlan plan, IActorRef host)
    {
        string[] devices = [.. plan.Devices.Select(device => device.ToString())];
        return new(
            [new(0, host, Environment.MachineName, Environment.ProcessId, [.. devices.Distinct()], null)], [.. devices.Select(device => new Seat(0, device))]);
    }

    /// <summary>Trains through processes that are ready to start their workers.</summary>
    /// <param name="start">What the run begins with.</param>
    /// <param name="members">None of them in it yet.</param>
    /// <param name="abandon">Leaves the run to another coordinator, behind the step under way.</param>
    /// <exception cref="RunTakenOverException">Another coordinator has it already.</exception>
    /// <exception cref="OperationCanceledException">It was abandoned.</exception>
    internal static async Task<RunSummary> RunAsync(
        ActorSystem system, RunPlan plan, StartRun start, RunMembers members, IRunObserver observer, CancellationToken stop, CancellationToken abandon = default)
    {
        if (start.TakenOver is { } before)
        {
            plan.Directory.TakeOver(members.Run, before.Epoch + 1);
        }
        else
        {
            TakeDirectory(plan, start, members.Run);
        }

        using var directory = plan.Directory;   // until the run has ended
        using var recorder = new RunRecorder(
            plan.Directory, observer, plan.Resumed?.Step ?? 0, start.TakenOver is not null, plan.Job.Optimizer.IsLbfgs ? null : new());   // a line search tries bad places
        var outcome = new TaskCompletionSource<RunSummary>(TaskCreationOptions.RunContinuationsAsynchronously);
        var coordinator = system.ActorOf(CoordinatorActor.Props(plan, recorder, members, outcome));
        coordinator.Tell(start);
        await using var registration = stop.Register(() => coordinator.Tell(StopRun.Instance));
        using var late = new CancellationTokenSource();
        await using var abandoning = abandon.Register(() =>
        {
            coordinator.Tell(AbandonRun.Instance);
            late.CancelAfter(AbandonLimit);
        });
        try
        {
            return await Task.WhenAny(outcome.Task, system.WhenTerminated, Task.Delay(Timeout.Infinite, late.Token)) is var first && first == outcome.Task
                ? recorder.Summary(await outcome.Task)
                : first == system.WhenTerminated
                    ? throw new IOException("This process is no longer a member of the cluster, so the run cannot go on.")
                    : throw new OperationCanceledException(abandon);
        }
        finally
        {
            if (outcome.Task.IsCompletedSuccessfully)
            {
                // A stage may be stuck inside an operator: only the end of its process ends its thread, and the outcome is known already.
                await coordinator.Ask<RunEnded>(EndRun.Instance, StopLimit, CancellationToken.None).ContinueWith(_ => { }, TaskScheduler.Default);
            }

            await coordinator.GracefulStop(TerminationLimit).ContinueWith(_ => { }, TaskScheduler.Default);   // its lines go with it
        }
    }

    private static void TakeDirectory(RunPlan plan, StartRun start, Guid run)
    {
        try
        {
            plan.TakeDirectory(run);
        }
        catch
        {
            foreach (var prepared in start.Hosts)
            {
                prepared.Host.Tell(new EndStages(0));   // which hold devices
            }

            throw;
        }
    }

    internal static Config Settings()
    {
        using var stream = typeof(TrainingRun).Assembly.GetManifestResourceStream("cluster.hocon")!;
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }
}
