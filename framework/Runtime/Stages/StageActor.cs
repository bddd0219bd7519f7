using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>A stage's life: its mailbox, its place in the schedule, its edges to other stages. It runs the next action of its list as soon
/// as that action's input is there. The mathematics is the executor's. Runs on a dispatcher with one thread of its own.</summary>
internal sealed class StageActor : ReceiveActor
{
    /// <summary>An evaluation is forwards only: the edge holds the one in transfer and the next.</summary>
    private const int ValidationCredits = 2;

    private readonly StageSetup setup;
    private readonly Dictionary<FrameKey, Frame> inbox = [];
    private readonly Dictionary<FrameKind, int> credits = [];
    private readonly List<TiedCopy> staleCopies = [];
    private readonly StageClock clock = new();
    private IReadOnlyList<IActorRef> stages = [];
    private IStageExecutor? executor;
    private StagePass? pass;
    private long epoch;
    private long lastCommitted;

    public StageActor(StageSetup setup)
    {
        this.setup = setup;
        Receive<StartStage>(Start);
        Receive<RunStep>(message => message.Epoch == epoch, message => Begin(new(message.Step, false, setup.Schedule.Ranks[setup.Stage])));
        Receive<RunEvaluation>(message => message.Epoch == epoch, message => Begin(new(message.Step, true, Forwards(message.Batches))));
        Receive<CommitStep>(message => message.Epoch == epoch, Commit);
        Receive<SaveShard>(message => message.Epoch == epoch, Save);
        Receive<Credit>(message => message.Epoch == epoch, message =>
        {
            credits[message.Kind]++;
            Continue();
        });
        Receive<Frame>(Arrive);
        Receive<Quieten>(Quieten);
        ReceiveAny(_ => { });   // of an older epoch
    }

    public static Props Props(StageSetup setup) =>
        Akka.Actor.Props.Create(() => new StageActor(setup)).WithDispatcher("stage-dispatcher");

    /// <summary>Whatever goes wrong in a stage ends the run with its reason: a restart would come back with fresh weights.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception failure)
        {
            pass = null;
            setup.Coordinator.Tell(new StageFailed(setup.Stage, setup.Status.ToString(), failure));
            return true;
        }
    }

    protected override void PostStop()
    {
        DropFrames();
        executor?.Dispose();
    }

    private void Quieten(Quieten message)
    {
        epoch = message.Epoch;
        pass = null;
        DropFrames();
        setup.Status.Set("stopped");
        setup.Coordinator.Tell(new StageQuiet(epoch, setup.Stage));
    }

    private void DropFrames()
    {
        foreach (var frame in inbox.Values)
        {
            frame.Dispose();
        }

        inbox.Clear();
    }

    private void Start(StartStage message)
    {
        (epoch, stages) = (message.Epoch, message.Stages);
        if (!setup.Last)
        {
            credits[FrameKind.Activation] = Credits.Of(setup.Schedule, setup.Stage, ActionKind.Forward);
            credits[FrameKind.ValidationActivation] = ValidationCredits;
        }

        if (!setup.First)
        {
            credits[FrameKind.Gradient] = Credits.Of(setup.Schedule, setup.Stage, ActionKind.Backward);
        }

        executor = setup.CreateExecutor();
        setup.Status.Set("ready");
        setup.Coordinator.Tell(new StageStarted(setup.Stage));
    }

    private IReadOnlyList<PipelineAction> Forwards(int batches) =>
        [.. Enumerable.Range(0, batches * setup.Schedule.MicroBatches).Select(index => PipelineAction.Forward(setup.Stage, index))];

    private void Begin(StagePass next)
    {
        pass = next;
        Continue();
    }

    private void Arrive(Frame frame)
    {
        if (frame.Epoch != epoch)
        {
            frame.Dispose();
            return;
        }

        if (frame.Key.Kind != FrameKind.ValidationActivation)
        {
            clock.Arrived(frame.SentAt);
        }

        inbox.Add(frame.Key, frame);
        Continue();
    }

    /// <summary>Runs whatever has its inputs, until something is missing.</summary>
    private void Continue()
    {
        while (pass is { } current && setup.Fence.Epoch == epoch && RefreshTiedCopies(current.Next))
        {
            if (current.Next is not { } action)
            {
                End(current);
                return;
            }

            if (Output(current, action) is { } output && credits[output] == 0)
            {
                Wait("waiting for room on the edge after", action, null);
                return;
            }

            Frame? frame = null;
            if (Input(current, action) is { } key && !inbox.Remove(key, out frame))
            {
                Wait("waiting in", action, key);
                return;
            }

            current.Advance();
            Execute(current, action, frame);
        }
    }

    private void Wait(string doing, PipelineAction? action, FrameKey? missing)
    {
        clock.Waiting();
        setup.Status.Set(doing, action, missing);
    }

    /// <summary>The frame that an action needs; null where the stage reads its own data or begins the backward itself.</summary>
    private FrameKey? Input(StagePass current, PipelineAction action) => action.Kind switch
    {
        ActionKind.Forward when !setup.First =>
            new(current.Step, current.Evaluation ? FrameKind.ValidationActivation : FrameKind.Activation, action.MicroBatch),
        ActionKind.Backward when !setup.Last => new(current.Step, FrameKind.Gradient, action.MicroBatch),
        _ => null,
    };

    /// <summary>The kind of frame that an action sends; null where it sends none.</summary>
    private FrameKind? Output(StagePass current, PipelineAction action) => action.Kind switch
    {
        ActionKind.Forward when !setup.Last => current.Evaluation ? FrameKind.ValidationActivation : FrameKind.Activation,
        ActionKind.Backward when !setup.First => FrameKind.Gradient,
        _ => null,
    };

    private void Execute(StagePass current, PipelineAction action, Frame? input)
    {
        if (input is not null)
        {
            stages[setup.Stage + (action.Kind == ActionKind.Forward ? -1 : 1)].Tell(new Credit(epoch, input.Key.Kind));
        }

        setup.Status.Set("running", action);
        clock.Begin();
        var microBatches = setup.Schedule.MicroBatches;
        var result = action.Kind switch
        {
            ActionKind.Backward => executor!.Backward(action.MicroBatch, input?.Payload),
            _ when current.Evaluation =>
                executor!.Evaluate(action.MicroBatch / microBatches, action.MicroBatch % microBatches, input?.Payload),
            _ => executor!.Forward(current.Step, action.MicroBatch, input?.Payload),
        };
        clock.End(action, executor.InFlight, current.Evaluation);
        if (Output(current, action) is { } kind)
        {
            credits[kind]--;
            Send(stages[setup.Stage + (action.Kind == ActionKind.Forward ? 1 : -1)], new(current.Step, kind, action.MicroBatch), result!);
        }
    }

    private void Send(IActorRef stage, FrameKey key, Tensor payload) =>
        stage.Tell(new Frame(epoch, key, payload, Stopwatch.GetTimestamp()));

    private void End(StagePass current)
    {
        if (current.Evaluation)
        {
            pass = null;
            setup.Status.Set("ready");
            setup.Coordinator.Tell(new EvaluationDone(epoch, current.Step, setup.Stage, executor!.TakeLoss()));
        }
        else if (GatherTiedGradients(current))
        {
            pass = null;
            setup.Status.Set("waiting for the commit of the step");
            setup.Coordinator.Tell(new StepReady(
                epoch, current.Step, setup.Stage, executor!.GradientSquares(), executor.TakeLoss(), clock.TakeTimes()));
        }
    }

    /// <summary>Sends the gradients of copies to their owners and adds those of the parameters owned here, in the order of copies whoever
    /// holds them. False while one is missing.</summary>
    private bool GatherTiedGradients(StagePass current)
    {
        if (!current.TiedGradientsSent)
        {
            current.TiedGradientsSent = true;
            foreach (var copy in setup.TiedCopies.Where(copy => copy.Stage == setup.Stage && copy.Owner != setup.Stage))
            {
                Send(stages[copy.Owner], new(current.Step, FrameKind.TiedGradient, copy.Index), executor!.TakeTiedGradient(copy));
            }
        }

        var owned = setup.TiedCopies.Where(copy => copy.Owner == setup.Stage);
        foreach (var copy in owned.Where(copy => copy.Stage != setup.Stage))
        {
            if (new FrameKey(current.Step, FrameKind.TiedGradient, copy.Index) is var key && !inbox.ContainsKey(key))
            {
                Wait("waiting at the end of the step", null, key);
                return false;
            }
        }

        foreach (var copy in owned)
        {
            executor!.AddTiedGradient(copy, inbox.Remove(new(current.Step, FrameKind.TiedGradient, copy.Index), out var frame)
                ? frame.Payload
                : executor.TakeTiedGradient(copy));
        }

        return true;
    }

    private void Commit(CommitStep message)
    {
        setup.Status.Set("in the optimizer");
        clock.Begin();
        executor!.Apply(message.Step, message.GradientScale);
        lastCommitted = message.Step;
        foreach (var copy in message.GradientScale is null ? [] : setup.TiedCopies)
        {
            if (copy.Owner == setup.Stage && copy.Stage == setup.Stage)
            {
                executor.SetTiedValue(copy, executor.TiedValue(copy));
            }
            else if (copy.Owner == setup.Stage)
            {
                Send(stages[copy.Stage], new(message.Step, FrameKind.TiedValue, copy.Index), executor.TiedValue(copy));
            }
            else if (copy.Stage == setup.Stage)
            {
                staleCopies.Add(copy);
            }
        }

        clock.End();
        setup.Coordinator.Tell(new StepCommitted(epoch, message.Step, setup.Stage));
    }

    /// <summary>Gives tied copies the values that their owners sent after the last commit; false while one is missing.</summary>
    private bool RefreshTiedCopies(PipelineAction? next)
    {
        while (staleCopies.Count > 0)
        {
            var key = new FrameKey(lastCommitted, FrameKind.TiedValue, staleCopies[^1].Index);
            if (!inbox.Remove(key, out var frame))
            {
                Wait("waiting in", next, key);
                return false;
            }

            executor!.SetTiedValue(staleCopies[^1], frame.Payload);
            staleCopies.RemoveAt(staleCopies.Count - 1);
        }

        return true;
    }

    private void Save(SaveShard message)
    {
        setup.Status.Set("saving");
        var state = executor!.State();
        var file = $"stage-{setup.Stage}.safetensors";
        var written = SafeTensorsWriter.Write(Path.Combine(message.Directory, file), state, new Dictionary<string, string>(StringComparer.Ordinal));
        setup.Status.Set("ready");
        setup.Coordinator.Tell(new ShardSaved(
            epoch, message.Step, setup.Stage, file, written.Bytes, written.Sha256, [.. state.Select(entry => entry.Name)]));
    }
}
