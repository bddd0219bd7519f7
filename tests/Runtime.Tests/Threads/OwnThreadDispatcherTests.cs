using Akka.Actor;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Tests.Threads;

public sealed class OwnThreadDispatcherTests : IDisposable
{
    private readonly ActorSystem system = ActorSystem.Create("threads", TrainingRun.Settings());

    public void Dispose() => system.Terminate().Wait();

    [Fact]
    public async Task Each_actor_has_one_thread_for_all_its_messages_which_ends_with_it()
    {
        var actors = Enumerable.Range(0, 2).Select(_ => system.ActorOf(Props.Create<Where>().WithDispatcher("stage-dispatcher"))).ToArray();
        var threads = new List<Thread>();
        foreach (var actor in actors)
        {
            var seen = new HashSet<Thread>();
            for (var message = 0; message < 200; message++)
            {
                seen.Add(await actor.Ask<Thread>(message, TestContext.Current.CancellationToken));
            }

            threads.Add(Assert.Single(seen));
        }

        Assert.NotSame(threads[0], threads[1]);
        await actors[0].GracefulStop(TimeSpan.FromSeconds(5));
        Assert.True(threads[0].Join(TimeSpan.FromSeconds(10)), "The thread of a stopped actor goes on.");
        Assert.Same(threads[1], await actors[1].Ask<Thread>("still there", TestContext.Current.CancellationToken));
    }

    private sealed class Where : ReceiveActor
    {
        public Where() => ReceiveAny(_ => Sender.Tell(Thread.CurrentThread));
    }
}
