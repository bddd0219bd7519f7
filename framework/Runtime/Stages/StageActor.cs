using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Devices;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>The life of a rank's stages: its mailbox, its row of the schedule, its edges to other stage actors. It runs the next action of its
/// row as soon as that action's input is there. The mathematics is the executors', one a stage. Runs on a dispatcher with one thread of
/// its own.</summary>
internal sealed class StageActor : ReceiveActor
{
    private readonly StageSetup setup;
    private readonly Dictionary<FrameKey, Frame> inbox = [];
    private readonly HashSet<FrameKey> accepted = [];   // since the last commit, so that none counts twice
    private readonly Dictionary<(FrameKind Kind, int Stage), int> credits = [];
    private readonly SortedDictionary<int, IStageExecutor> executors = [];
    private readonly List<TiedCopy> staleCopies = [];
    private readonly StageClock clock;
    private IReadOnlyList<ITensorLink?> links = [];
    private StagePass? pass;
    private long epoch;
    private long lastCommitted;

    public StageActor(StageSetup setup)
    {
        this.setup = setup;
        clock = new(DeviceClock.Of(setup.Device), TimeProvider.System);   // on the actor's own thread, as all that follows
        Receive<StartStage>(Start);
        Receive<RunStep>(message => message.Epoch == epoch, message => Begin(StagePass.Training(message.Step, setup.Actions)));
        Receive<RunEvaluation>(message => message.Epoch == epoch, message =>
        {
            clock.Pause();
            Begin(StagePass.Validation(message.Step, setup.Stages, setup.Schedule.Ranks.Count, message.Batches * setup.Schedule.MicroBatches));
        });
        Receive<CommitStep>(message => message.Epoch == epoch, Commit);
        Receive<SaveShard>(message => message.Epoch == epoch, Save);
        Receive<Credit>(message => message.Epoch == epoch, message =>
        {
            credits[(message.Kind, message.Stage)]++;
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
            setup.Coordinator.Tell(new StageFailed(epoch, setup.Worker, setup.Status.ToString(), FailureSentence.Of(failure)));
            return true;
        }
    }

    protected override void PostStop()
    {
        DropFrames();
        foreach (var executor in executors.Values)
        {
            executor.Dispose();
        }

        clock.Close();
    }

    private void Quieten(Quieten message)
    {
        epoch = message.Epoch;
        pass = null;
        DropFrames();
        setup.Status.Set("stopped");
        Context.Parent.Tell(new StageQuiet(setup.Worker));
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
        (epoch, lastCommitted, links) = (message.Epoch, message.Step, message.Links);
        foreach (var ((kind, stage), count) in setup.Credits.Where(edge => setup.Holds(new HandOver(edge.Key.Kind, edge.Key.Stage, 0).Sender)))
        {
            credits[(FrameKey.KindOf(kind, evaluation: false), stage)] = count;
            if (kind == HandOverKind.Activation)
            {
                // An evaluation runs groups of as many micro-batches as there are ranks: one group, and the first of the next.
                credits[(FrameKind.ValidationActivation, stage)] = setup.Schedule.Ranks.Count + 1;
            }
        }

        foreach (var stage in setup.Stages)
        {
            executors.Add(stage, setup.CreateExecutor(setup.Worker, stage, setup.Device));
        }

        setup.Status.Set("ready");
        setup.Coordinator.Tell(new StageStarted(epoch, setup.Worker));
    }

    private void Begin(StagePass next)
    {
        pass = next;
        Continue();
    }

    private void Arrive(Frame frame)
    {
        if (Refusal(frame) is { } reason)
        {
            frame.Dispose();
            setup.Coordinator.Tell(new FrameRefused(setup.Worker, reason));
            return;
        }

        if (frame.Key.Kind != FrameKind.ValidationActivation)
        {
            clock.Arrived(frame.Key, frame.SentAt);
        }

        inbox.Add(frame.Key, frame);
        Continue();
    }

    /// <summary>Why a frame has no effect; null where it is one that this worker can be waiting for.</summary>
    private string? Refusal(Frame frame)
    {
        var (step, kind, stage, _) = frame.Key;
        return frame switch
        {
            _ when frame.Epoch != epoch => $"{frame.Key} is of epoch {frame.Epoch}, and this is epoch {epoch}.",
            // A peer can be one step ahead: it has the commit that this worker has not read yet.
            _ when step < lastCommitted || step > lastCommitted + 2 => $"{frame.Key} came after step {lastCommitted}.",
            _ when !Enum.IsDefined(kind) || stage < 0 || stage >= setup.Schedule.Stages || !setup.Holds(stage) => $"{frame.Key} is not for a stage of this worker.",
            _ when !accepted.Add(frame.Key) => $"{frame.Key} came twice.",
            _ => null,
        };
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

            if (Output(current, action) is { } output && !setup.Holds(output.Stage) && credits[(output.Kind, output.Stage)] == 0)
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
        clock.Waiting(missing);
        setup.Status.Set(doing, action, missing);
    }

    /// <summary>The frame that an action needs; null where the stage reads its own data, begins the backward itself, or has all it needs.</summary>
    private FrameKey? Input(StagePass current, PipelineAction action) =>
        action.Needs(setup.Schedule.Stages) is { } needed ? FrameKey.Of(current.Step, current.Evaluation, needed) : null;

    /// <summary>The frame that an action gives; null where it gives none.</summary>
    private FrameKey? Output(StagePass current, PipelineAction action) =>
        action.Gives(setup.Schedule.Stages) is { } given ? FrameKey.Of(current.Step, current.Evaluation, given) : null;

    private void Execute(StagePass current, PipelineAction action, Frame? input)
    {
        if (input is not null && action.Needs(setup.Schedule.Stages)!.Value.Sender is var sender && !setup.Holds(sender))
        {
            LinkTo(sender).Send(new Credit(epoch, input.Key.Kind, action.Stage));
        }

        setup.Status.Set("running", action);
        var result = current.Evaluation ? Evaluate(action, input?.Single) : Train(current.Step, action, input?.Single);
        if (Output(current, action) is { } output)
        {
            Send(output, result!);
        }
    }

    private Tensor? Train(long step, PipelineAction action, Tensor? input)
    {
        clock.Begin();
        var executor = executors[action.Stage];
        var result = action.Kind switch
        {
            ActionKind.Forward => executor.Forward(step, action.MicroBatch, input),
            _ when action.GivesInputGradient => executor.InputGradient(action.MicroBatch, input),
            _ => null,
        };
        try
        {
            if (action.GivesWeightGradient)
            {
                executor.WeightGradient(action.MicroBatch);
            }

            clock.EndAction(action, executors.Values.Sum(other => other.InFlight));
            return result;
        }
        catch
        {
            result?.Dispose();
            throw;
        }
    }

    private Tensor? Evaluate(PipelineAction action, Tensor? input)
    {
        var (batch, microBatch) = Math.DivRem(action.MicroBatch, setup.Schedule.MicroBatches);
        return executors[action.Stage].Evaluate(batch, microBatch, input);
    }

    /// <summary>Hands a tensor to a stage: over an edge to another actor, which takes a credit where the edge has credits, or directly.</summary>
    private void Send(FrameKey key, Tensor payload)
    {
        var frame = new Frame(epoch, key, [payload], Stopwatch.GetTimestamp());
        if (setup.Holds(key.Stage))
        {
            inbox.Add(key, frame);
            return;
        }

        if (credits.TryGetValue((key.Kind, key.Stage), out var left))
        {
            credits[(key.Kind, key.Stage)] = left - 1;
        }

        LinkTo(key.Stage).Send(frame);
    }

    private ITensorLink LinkTo(int stage) => links[setup.WorkerOf(stage)]!;

    private void End(StagePass current)
    {
        if (current.Evaluation)
        {
            pass = null;
            setup.Status.Set("ready");
            setup.Coordinator.Tell(new EvaluationDone(epoch, current.Step, setup.Worker, TakeLoss()));
        }
        else if (GatherTiedGradients(current))
        {
            pass = null;
            var squares = executors.Values.SelectMany(executor => executor.GradientSquares()).ToArray();
            var loss = TakeLoss();
            clock.EndBetween();
            setup.Status.Set("waiting for the commit of the step");
            setup.Coordinator.Tell(new StepReady(epoch, current.Step, setup.Worker, squares, loss, clock.TakeTimes()));
        }
    }

    private double TakeLoss() => executors.Values.Sum(executor => executor.TakeLoss());

    /// <summary>Sends the gradients of copies to their owners and adds those of the parameters owned here, in the order of copies whoever
    /// holds them. False while one is missing.</summary>
    private bool GatherTiedGradients(StagePass current)
    {
        if (!current.TiedGradientsSent)
        {
            current.TiedGradientsSent = true;
            foreach (var copy in setup.TiedCopies.Where(copy => setup.Holds(copy.Stage) && !setup.Holds(copy.Owner)))
            {
                Send(new(current.Step, FrameKind.TiedGradient, copy.Owner, copy.Index), executors[copy.Stage].TakeTiedGradient(copy));
            }
        }

        var owned = setup.TiedCopies.Where(copy => setup.Holds(copy.Owner));
        foreach (var copy in owned.Where(copy => !setup.Holds(copy.Stage)))
        {
            if (new FrameKey(current.Step, FrameKind.TiedGradient, copy.Owner, copy.Index) is var key && !inbox.ContainsKey(key))
            {
                Wait("waiting at the end of the step", null, key);
                return false;
            }
        }

        setup.Status.Set("ending the step");
        clock.Begin();
        foreach (var copy in owned)
        {
            executors[copy.Owner].AddTiedGradient(
                copy,
                inbox.Remove(new(current.Step, FrameKind.TiedGradient, copy.Owner, copy.Index), out var frame)
                    ? frame.Single
                    : executors[copy.Stage].TakeTiedGradient(copy));
        }

        return true;
    }

    private void Commit(CommitStep message)
    {
        setup.Status.Set("in the optimizer");
        clock.Begin();
        foreach (var executor in executors.Values)
        {
            executor.Apply(message.Step, message.GradientScale);
        }

        lastCommitted = message.Step;
        accepted.RemoveWhere(key => key.Step < lastCommitted);
        foreach (var copy in message.GradientScale is null ? [] : setup.TiedCopies)
        {
            if (setup.Holds(copy.Owner) && setup.Holds(copy.Stage))
            {
                executors[copy.Stage].SetTiedValue(copy, executors[copy.Owner].TiedValue(copy));
            }
            else if (setup.Holds(copy.Owner))
            {
                Send(new(message.Step, FrameKind.TiedValue, copy.Stage, copy.Index), executors[copy.Owner].TiedValue(copy));
            }
            else if (setup.Holds(copy.Stage))
            {
                staleCopies.Add(copy);
            }
        }

        setup.Coordinator.Tell(new StepCommitted(epoch, message.Step, setup.Worker, clock.EndOptimizer()));
    }

    /// <summary>Gives tied copies the values that their owners sent after the last commit; false while one that the next action uses is
    /// missing.</summary>
    private bool RefreshTiedCopies(PipelineAction? next)
    {
        while (staleCopies.FindIndex(copy => next is null || copy.Stage == next.Value.Stage) is >= 0 and var index)
        {
            var copy = staleCopies[index];
            var key = new FrameKey(lastCommitted, FrameKind.TiedValue, copy.Stage, copy.Index);
            if (!inbox.Remove(key, out var frame))
            {
                Wait("waiting in", next, key);
                return false;
            }

            clock.Begin();
            executors[copy.Stage].SetTiedValue(copy, frame.Single);
            clock.EndBetween();
            staleCopies.RemoveAt(index);
        }

        return true;
    }

    private void Save(SaveShard message)
    {
        setup.Status.Set("saving");
        clock.Pause();
        var state = executors.Values.SelectMany(executor => executor.State()).ToArray();
        var file = $"stage-{setup.Worker}.safetensors";
        var written = SafeTensorsWriter.Write(Path.Combine(message.Directory, file), state, new Dictionary<string, string>(StringComparer.Ordinal));
        setup.Status.Set("ready");
        setup.Coordinator.Tell(new ShardSaved(
            epoch, message.Step, setup.Worker, file, written.Bytes, written.Sha256, [.. state.Select(entry => entry.Name)]));
    }
}
