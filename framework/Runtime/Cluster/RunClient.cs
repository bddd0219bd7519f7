using Akka.Actor;
using Pipeline.Core;
using Pipeline.Runtime.Runs;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>A terminal of a cluster: submits runs, or shows and stops those that go on. The runs do not depend on it.</summary>
/// <param name="settings">Of this process as a member.</param>
/// <param name="join">HOST:PORT of any member.</param>
/// <param name="insecure">Listen off loopback without TLS.</param>
/// <param name="architectures">The model families that are known here.</param>
public sealed class RunClient(ClusterSettings settings, string join, bool insecure, IReadOnlyList<IArchitecture> architectures)
{
    private static readonly TimeSpan RejoinLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan OneJoinLimit = TimeSpan.FromSeconds(10);

    /// <param name="nodes">So many are waited for.</param>
    /// <param name="detaches">Returns when the run has begun.</param>
    /// <param name="stop">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <returns>What came of it; null where it goes on.</returns>
    /// <exception cref="BadInputException">The cluster refuses the run.</exception>
    /// <exception cref="IOException">The run could not begin, or is lost.</exception>
    /// <exception cref="RunStoppedException">Somebody asked for its end before it had begun.</exception>
    public async Task<RunSummary?> TrainAsync(RunPlan plan, int nodes, bool detaches, IRunScreen screen, CancellationToken stop)
    {
        using var probe = new StorageProbe(plan.Directory.Root);
        var submitted = SubmittedRun.Of(ClusterRun.NewSecret(), plan);
        return await ShowAsync(
            new()
            {
                Submission = new(submitted, NodeSoftware.OfThisProcess(), nodes, probe.Path),
                Submits = true,
                Run = submitted.Run,
                Plan = plan,
                Detaches = detaches,
                Probe = probe,
            },
            screen,
            stop,
            default);
    }

    /// <param name="name">Of the job, or its directory; null for the only one that goes on.</param>
    /// <param name="stops">Ends the run cleanly after the step under way, with a checkpoint.</param>
    /// <param name="detach">Leaves the run alone.</param>
    /// <returns>What came of it; null where it goes on.</returns>
    /// <exception cref="BadInputException">There is no such run.</exception>
    /// <exception cref="IOException">The run is lost, or nobody answers.</exception>
    /// <exception cref="RunStoppedException">Somebody asked for its end before it had begun.</exception>
    public Task<RunSummary?> AttachAsync(string? name, bool stops, IRunScreen screen, CancellationToken detach) =>
        ShowAsync(new() { Name = name, Stops = stops }, screen, default, detach);

    private async Task<RunSummary?> ShowAsync(RunRequest request, IRunScreen screen, CancellationToken stop, CancellationToken detach)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop, detach);
        ClusterNode? member = await ClusterNode.StartAsync(settings, join, [], insecure, stop: giveUp.Token);
        try
        {
            while (true)
            {
                var outcome = new TaskCompletionSource<RunSummary?>(TaskCreationOptions.RunContinuationsAsynchronously);
                var client = member.System.ActorOf(RunClientActor.Props(request, architectures, screen, outcome));
                await using var stopping = stop.Register(() => client.Tell(RunClientActor.Stop.Instance));
                await using var detaching = detach.Register(() => outcome.TrySetResult(null));
                if (await Task.WhenAny(outcome.Task, member.Ended) == outcome.Task)
                {
                    await client.GracefulStop(OneJoinLimit).ContinueWith(_ => { }, TaskScheduler.Default);   // it uses the screen
                    return await outcome.Task;
                }

                screen.Say("The cluster has lost sight of this command, which joins it again.");
                await member.DisposeAsync();
                member = null;
                member = await JoinAgainAsync(request, detach);   // a run that is to end is told so as soon as it is found again
            }
        }
        finally
        {
            if (member is not null)
            {
                await member.DisposeAsync();
            }
        }
    }

    private async Task<ClusterNode> JoinAgainAsync(RunRequest request, CancellationToken detach)
    {
        using var late = new CancellationTokenSource(RejoinLimit);
        while (true)
        {
            foreach (var address in request.Members.Append(join).Distinct().ToArray())
            {
                try
                {
                    return await ClusterNode.StartAsync(settings, address, [], insecure, joinLimit: OneJoinLimit, stop: detach);
                }
                catch (BadInputException problem) when (late.IsCancellationRequested)
                {
                    throw new IOException($"The run's cluster cannot be joined any more, and the run may go on: {problem.Message}", problem);
                }
                catch (BadInputException)
                {
                    // Another member may take it in.
                }
            }
        }
    }
}
