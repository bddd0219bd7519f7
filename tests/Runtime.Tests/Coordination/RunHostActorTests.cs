using Akka.Actor;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Loading;

namespace Pipeline.Runtime.Tests.Coordination;

public sealed class RunHostActorTests : IAsyncDisposable
{
    private readonly ActorSystem system = ActorSystem.Create("host", TrainingRun.Settings());

    public RunHostActorTests() => LibTorch.Load();

    public async ValueTask DisposeAsync() => await system.Terminate();

    /// <summary>The coordinator's end of the line may be there before this one: its first order comes while nothing can be answered yet.</summary>
    [Fact]
    public async Task An_order_that_comes_before_the_line_is_answered_over_it()
    {
        var (plane, said) = (new LatePlane(), new TaskCompletionSource<IControlMessage>());
        var host = system.ActorOf(RunHostActor.Props(new(4, Guid.NewGuid(), (_, _, _) => throw new NotSupportedException(), (_, _, _, _) => throw new NotSupportedException(), _ => { }, plane)));
        host.Tell(new MeetCoordinator(1, "alpha"));
        host.Tell(new PauseStages(1));
        await host.Ask<HostDescription>(new DescribeHost(), TestContext.Current.CancellationToken);   // both have been taken
        plane.Line.SetResult(new OtherEnd(new((ExtendedActorSystem)system), said));
        var paused = Assert.IsType<StagesPaused>(await said.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.Equal((1, 4, 0), (paused.Epoch, paused.Host, paused.Held.Count));
    }

    private sealed class LatePlane : ITensorPlane
    {
        public TaskCompletionSource<ITensorLink> Line { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public PlaneAddress Address => throw new NotSupportedException();

        public Task<ITensorLink> DialAsync(PlaneAddress peer, LinkName name, ILinkReceiver receiver, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<ITensorLink> AcceptAsync(LinkName name, ILinkReceiver receiver, CancellationToken cancellation) => Line.Task;
    }

    /// <summary>The coordinator's.</summary>
    private sealed class OtherEnd(ControlSerializer serializer, TaskCompletionSource<IControlMessage> said) : ITensorLink
    {
        private readonly ControlLine line = new(serializer, (_, message) => said.TrySetResult(message), _ => { });

        public void Send(Frame frame) => line.Receive(frame);

        public void Send(Credit credit) => throw new NotSupportedException();

        public void Abandon()
        {
        }

        public void Dispose()
        {
        }
    }
}
