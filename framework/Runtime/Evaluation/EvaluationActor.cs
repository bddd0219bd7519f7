using Akka.Actor;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Evaluation;

/// <summary>The coordinator of an evaluation: has the stages start, run the validation batches, and report.</summary>
internal sealed class EvaluationActor : ReceiveActor, IWithTimers
{
    private const long Epoch = 1;

    /// <summary>How long nothing may happen before the evaluation is given up: ten times this.</summary>
    private static readonly TimeSpan LongAction = TimeSpan.FromMinutes(1);

    /// <param name="outcome">Gets what all batches came to.</param>
    public EvaluationActor(StagePlan plan, IActorRef host, int batches, TaskCompletionSource<PassResult> outcome)
    {
        var workers = plan.Workers;
        var (started, evaluated, stallWatch) = (new Reports<StageStarted>(workers.Count), new Reports<EvaluationDone>(workers.Count), new StallWatch(workers));
        var stages = new List<IActorRef>();
        Receive<StageStarted>(message =>
        {
            stages.Add(Sender);
            if (started.Complete(message.Worker, message, out _))
            {
                stages.ForEach(stage => stage.Tell(new RunEvaluation(Epoch, 0, batches)));
            }
        });
        Receive<EvaluationDone>(message =>
        {
            if (evaluated.Complete(message.Worker, message, out var all))
            {
                outcome.TrySetResult(PassResult.Sum(all.Select(report => report.Result)));
            }
        });
        Receive<StageFailed>(message => Fail($"Stage {message.Worker} failed while {message.Doing}: {message.Reason}"));
        Receive<FrameRefused>(message => Fail($"Stage {message.Worker} refused a frame: {message.Reason}"));
        Receive<LookForStall>(_ => host.Tell(new DescribeStages()));
        Receive<StagesDescribed>(message =>
        {
            if (message.Workers.Count == workers.Count && stallWatch.Look(LongAction, message.Workers) is { } stall)
            {
                Fail(stall);
            }
        });
        host.Tell(StartStages.Alone(Epoch, 0, Enumerable.Repeat("", workers.Count), Self));

        void Fail(string sentence) => outcome.TrySetException(new StageException(sentence));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(StagePlan plan, IActorRef host, int batches, TaskCompletionSource<PassResult> outcome) =>
        Akka.Actor.Props.Create(() => new EvaluationActor(plan, host, batches, outcome)).WithDispatcher("coordinator-dispatcher");

    protected override void PreStart() => Timers.StartPeriodicTimer("stall", LookForStall.Instance, TimeSpan.FromSeconds(5));
}
