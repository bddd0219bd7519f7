using System.Diagnostics;
using Akka.Actor;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Replicas;

/// <summary>A worker's place in the ring of replicas. It has a thread of its own, so that gradients travel and add up while the worker's
/// stage actor is inside an operator. Nothing depends on the order in which frames arrive: each waits for its hop.</summary>
internal sealed class RingActor : ReceiveActor
{
    private readonly RingSetup setup;
    private readonly Ring ring;
    private readonly FrameInbox inbox = new();
    private readonly Dictionary<(int Stage, int Bucket), (RingSum Sum, IActorRef Asker)> sums = [];
    private readonly Dictionary<(int Stage, int Bucket), (int Hop, IActorRef Asker)> gathers = [];
    private ITensorLink? next;
    private long epoch;
    private long step;   // the newest that the stages have asked something of
    private bool isQuiet;

    public RingActor(RingSetup setup)
    {
        this.setup = setup;
        ring = setup.Ring;
        Receive<StartRing>(message =>
        {
            set_num_threads(1);   // the stages have the cores
            (epoch, step, next) = (message.Epoch, message.Step, message.Next);
        });
        Receive<SumGradients>(message => message.Epoch == epoch, Begin);
        Receive<GatherParameters>(message => message.Epoch == epoch, Begin);
        Receive<Frame>(Arrive);
        Receive<Quieten>(message =>
        {
            isQuiet = true;
            epoch = message.Epoch;
            Drop();
            Context.Parent.Tell(new StageQuiet());
        });
        ReceiveAny(message => (message as IDisposable)?.Dispose());   // of an older epoch
    }

    public static Props Props(RingSetup setup) => Akka.Actor.Props.Create(() => new RingActor(setup)).WithDispatcher("stage-dispatcher");

    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception failure)
        {
            setup.Report(new StageFailed(epoch, setup.Worker, "exchanging gradients with the other replicas", FailureSentence.Of(failure)));
            return true;
        }
    }

    protected override void PostStop() => Drop();

    private void Drop()
    {
        inbox.Clear();
        foreach (var (sum, _) in sums.Values)
        {
            sum.Dispose();
        }

        sums.Clear();
        gathers.Clear();
    }

    private void Begin(SumGradients message)
    {
        Reach(message.Step);
        var sum = new RingSum(ring, message.Shards, setup.Device);
        sums.Add((message.Stage, message.Bucket), (sum, Sender));
        Send(FrameKind.RingGradient, message.Stage, message.Bucket, 0, sum.First());
        Sum(message.Stage, message.Bucket);
    }

    private void Begin(GatherParameters message)
    {
        Reach(message.Step);
        gathers.Add((message.Stage, message.Bucket), (0, Sender));
        Send(FrameKind.RingParameter, message.Stage, message.Bucket, 0, message.Values);
        Gather(message.Stage, message.Bucket);
    }

    /// <summary>What came before a step can no longer be waited for when a stage asks something of it: a stage sends its gradients when it
    /// has had all of the step before.</summary>
    private void Reach(long asked)
    {
        if (asked > step)
        {
            step = asked;
            inbox.Reach(step);
        }
    }

    private void Arrive(Frame frame)
    {
        if (isQuiet)
        {
            frame.Dispose();   // peers may still be at work
            return;
        }

        if (inbox.Take(frame, epoch, step, IsExpected) is { } reason)
        {
            frame.Dispose();
            setup.Report(new FrameRefused(setup.Worker, reason));
            return;
        }

        var (_, kind, stage, index) = frame.Key;
        var bucket = index / (2 * ring.Hops);
        if (kind == FrameKind.RingGradient)
        {
            Sum(stage, bucket);
        }
        else
        {
            Gather(stage, bucket);
        }
    }

    private bool IsExpected(FrameKey key) =>
        key.Kind is FrameKind.RingGradient or FrameKind.RingParameter && key.Index >= 0 && setup.Holds(key.Stage);

    /// <summary>Takes a bucket as far around as what has arrived allows.</summary>
    private void Sum(int stage, int bucket)
    {
        if (!sums.TryGetValue((stage, bucket), out var entry))
        {
            return;
        }

        var (sum, asker) = entry;
        while (Remove(FrameKind.RingGradient, stage, bucket, sum.Hop) is { } arrived)
        {
            var onward = sum.Arrive(arrived);
            if (onward is null && sum.IsSummed && !sum.IsGathered && !setup.IsSharded)
            {
                onward = sum.FirstWhole();
            }

            if (onward is not null)
            {
                Send(FrameKind.RingGradient, stage, bucket, sum.Hop, onward);
            }
            else
            {
                sums.Remove((stage, bucket));
                asker.Tell(new GradientsSummed(epoch, stage, bucket, setup.IsSharded ? [sum.TakeOwn()] : sum.TakeAll()));
                return;
            }
        }
    }

    private void Gather(int stage, int bucket)
    {
        while (gathers.TryGetValue((stage, bucket), out var entry) && Remove(FrameKind.RingParameter, stage, bucket, entry.Hop) is { } arrived)
        {
            var (hop, asker) = entry;
            if (hop + 1 < ring.Hops)
            {
                gathers[(stage, bucket)] = (hop + 1, asker);
                Send(FrameKind.RingParameter, stage, bucket, hop + 1, arrived.detach().DetachFromDisposeScope());   // read only, so no copy
            }
            else
            {
                gathers.Remove((stage, bucket));
            }

            asker.Tell(new ParametersArrived(epoch, stage, bucket, ring.Received(hop), arrived));
        }
    }

    private Tensor? Remove(FrameKind kind, int stage, int bucket, int hop) =>
        inbox.Remove(new(step, kind, stage, ring.Index(bucket, hop)))?.Single;

    private void Send(FrameKind kind, int stage, int bucket, int hop, Tensor payload) =>
        next!.Send(new Frame(epoch, new(step, kind, stage, ring.Index(bucket, hop)), [payload], Stopwatch.GetTimestamp()));
}
