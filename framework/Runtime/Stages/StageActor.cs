using System.Diagnostics;
using Akka.Actor;
using Pipeline.Core.Faults;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Faults;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Replicas;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Devices;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>The life of a rank's stages: its mailbox, its row of the schedule, its edges to other stage actors. It runs the next action of its
/// row as soon as that action's input is there. The mathematics is the executors', one a stage. Runs on a dispatcher with one thread of
/// its own.</summary>
internal sealed class StageActor : ReceiveActor
{
    private readonly StageSetup setup;
    private readonly FrameInbox inbox = new();
    private readonly Dictionary<(FrameKind Kind, int Stage), int> credits = [];
    private readonly SortedDictionary<int, IStageExecutor> executors = [];
    private readonly TiedExchange ties;
    private readonly CarryExchange carries;
    private readonly ReplicaExchange replicas;
    private readonly StageClock clock;
    private readonly StateCopier copier;
    private StartStage? started;
    private StagePass? pass;
    private CopyState? copy;   // to be made before anything else happens
    private long epoch;
    private long lastCommitted;
    private bool isQuiet;

    public StageActor(StageSetup setup)
    {
        this.setup = setup;
        clock = new(DeviceClock.Of(setup.Device), TimeProvider.System);   // on the actor's own thread, as all that follows
        ties = new(setup, executors, inbox, clock, (key, tensor) => Send(key, [tensor]));
        carries = new(setup, executors, inbox, Send);
        replicas = new(setup, executors);
        copier = new(setup, executors);
        setup.Faults.Fired = fault => Report(new FaultFired(epoch, setup.Worker, fault.ToString()));
        Receive<StartStage>(Start);
        Receive<RunStep>(message => message.Epoch == epoch, message =>
        {
            CheckCommitted(message.Step - 1);
            Begin(StagePass.Training(message.Step, setup.Actions));
        });
        Receive<RunEvaluation>(message => message.Epoch == epoch, message =>
        {
            CheckCommitted(message.Step);
            Begin(StagePass.Validation(
                message.Step, setup.Stages, setup.Schedule.Ranks.Count, message.Batches * setup.Schedule.MicroBatches, setup.Plan.Partition.Model.Carry?.Passes ?? 1));
        });
        Receive<AdaptStages>(message => message.Epoch == epoch, message =>
        {
            CheckCommitted(message.Step);
            Begin(StagePass.Growing(message.Step));
        });
        Receive<CommitStep>(message => message.Epoch == epoch, Commit);
        Receive<CopyState>(message => message.Epoch == epoch, message =>
        {
            CheckCommitted(message.Step);
            copy = message;
            Continue();
        });
        Receive<Credit>(message => message.Epoch == epoch, message =>
        {
            credits[(message.Kind, message.Stage)]++;
            Continue();
        });
        Receive<GradientsSummed>(message => message.Epoch == epoch, Take);
        Receive<ParametersArrived>(message => message.Epoch == epoch, Take);
        Receive<Frame>(Arrive);
        Receive<Quieten>(Quieten);
        ReceiveAny(message => (message as IDisposable)?.Dispose());   // of an older epoch
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
            (pass, copy) = (null, null);
            Report(new StageFailed(epoch, setup.Worker, setup.Status.ToString(), FailureSentence.Of(failure)));
            return true;
        }
    }

    protected override void PostStop()
    {
        inbox.Clear();
        foreach (var executor in executors.Values)
        {
            executor.Dispose();
        }

        clock.Close();
    }

    private void Quieten(Quieten message)
    {
        isQuiet = true;
        epoch = message.Epoch;
        (pass, copy) = (null, null);
        inbox.Clear();
        setup.Status.Set("stopped");
        Context.Parent.Tell(new StageQuiet());
    }

    private void Start(StartStage message)
    {
        (epoch, lastCommitted, started) = (message.Epoch, message.Step, message);
        foreach (var ((kind, stage), count) in setup.Credits.Where(edge => setup.Holds(new HandOver(edge.Key.Kind, edge.Key.Stage, 0).Sender)))
        {
            credits[(FrameKey.KindOf(kind, PassKind.Training), stage)] = count;
            if (kind == HandOverKind.Activation)
            {
                // An evaluation runs groups of as many micro-batches as there are ranks: one group, and the first of the next.
                credits[(FrameKind.ValidationActivation, stage)] = setup.Schedule.Ranks.Count + 1;
                credits[(FrameKind.AdaptingActivation, stage)] = 1;
            }
        }

        foreach (var stage in setup.Stages)
        {
            executors.Add(stage, setup.CreateExecutor(setup.Plan, setup.Worker, stage, setup.Device));
            if (message.From is { } snapshot)
            {
                executors[stage].Restore(snapshot.ReadInto);
            }
        }

        setup.Status.Set("ready");
        Report(new StageStarted(epoch, setup.Worker));
    }

    private void Begin(StagePass next)
    {
        pass = next;
        Continue();
    }

    private void Arrive(Frame frame)
    {
        if (isQuiet)
        {
            frame.Dispose();   // peers may still be at work
            return;
        }

        if (inbox.Take(frame, epoch, lastCommitted, IsExpected) is { } reason)
        {
            frame.Dispose();
            Report(new FrameRefused(setup.Worker, reason));
            return;
        }

        if (frame.Key.Kind is < FrameKind.ValidationActivation or FrameKind.TiedGradient or FrameKind.TiedValue or FrameKind.Carry)
        {
            clock.Arrived(frame.Key, frame.SentAt);
        }

        Continue();
    }

    /// <summary>The actor can be waiting for a frame of this kind and stage.</summary>
    private bool IsExpected(FrameKey key) =>
        key.Kind is (>= FrameKind.Activation and <= FrameKind.TiedValue) or (>= FrameKind.Carry and <= FrameKind.AdaptingActivation) && key.Stage >= 0 && key.Stage < setup.Schedule.Stages && setup.Holds(key.Stage);

    private void Take(GradientsSummed message)
    {
        clock.Begin();
        replicas.Take(message);
        clock.EndBetween();
        Continue();
    }

    private void Take(ParametersArrived message)
    {
        clock.Begin();
        if (replicas.Take(message))
        {
            Refreshed(message.Stage);
        }

        clock.EndBetween();
        Continue();
    }

    /// <summary>Runs whatever has its inputs, until something is missing.</summary>
    private void Continue()
    {
        if (copy is not null && !CopyNow(copy))
        {
            return;
        }

        while (pass is { } current && setup.Fence.Epoch == epoch && Refresh(current))
        {
            if (current.Next is not { } action)
            {
                End(current);
                return;
            }

            if (current.Output(action, setup.Schedule.Stages) is { } output && !setup.Holds(output.Stage) && credits.TryGetValue((output.Kind, output.Stage), out var room) && room == 0)
            {
                Wait("waiting for room on the edge after", action, null);
                return;
            }

            Frame? frame = null;
            if (current.Input(action, setup.Schedule.Stages) is { } key && (frame = inbox.Remove(key)) is null)
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

    private void Execute(StagePass current, PipelineAction action, Frame? input)
    {
        if (input is not null && action.Needs(setup.Schedule.Stages) is { Sender: var sender } && !setup.Holds(sender))
        {
            LinkTo(sender).Send(new Credit(epoch, input.Key.Kind, action.Stage));
        }

        setup.Status.Set("running", action);
        var result = current.Kind switch
        {
            PassKind.Training => Train(current.Step, action, input?.Single),
            PassKind.Adapting => executors[action.Stage].Adapt(current.Step, input?.Single),
            _ => Evaluate(current, action, input?.Single),
        };
        if (current.Output(action, setup.Schedule.Stages) is { } output)
        {
            Send(output, [result!]);
        }
    }

    private Tensor? Train(long step, PipelineAction action, Tensor? input)
    {
        clock.Begin();
        var executor = executors[action.Stage];
        input = setup.Faults.Before(step, action, input);
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
                executor.WeightGradient(action.MicroBatch, replicas.ReleaseDuring(action, epoch, step));
            }

            result = setup.Faults.After(result);
            clock.EndAction(action, executors.Values.Sum(other => other.InFlight));
            return result;
        }
        catch
        {
            result?.Dispose();
            throw;
        }
    }

    private Tensor? Evaluate(StagePass current, PipelineAction action, Tensor? input)
    {
        var (index, number) = Math.DivRem(action.MicroBatch, current.Passes);
        var (batch, microBatch) = Math.DivRem(index, setup.Schedule.MicroBatches);
        return executors[action.Stage].Evaluate(batch, microBatch, number, input);
    }

    /// <summary>Hands tensors to a stage: over an edge to another actor, which takes a credit where the edge has credits, or directly.</summary>
    private void Send(FrameKey key, IReadOnlyList<Tensor> payload)
    {
        var frame = new Frame(epoch, key, payload, Stopwatch.GetTimestamp());
        if (setup.Holds(key.Stage))
        {
            inbox.Add(frame);
            return;
        }

        if (credits.TryGetValue((key.Kind, key.Stage), out var left))
        {
            credits[(key.Kind, key.Stage)] = left - 1;
        }

        var link = LinkTo(key.Stage);
        link.Send(setup.Faults.OnWire(frame, link));
    }

    private ITensorLink LinkTo(int stage) => started!.Links[setup.WorkerOf(stage)]!;

    private void Report(IControlMessage message) => started?.Report(message);

    private void End(StagePass current)
    {
        if (current.Kind is PassKind.Growing or PassKind.Adapting)
        {
            pass = null;
            Adapt(current);
        }
        else if (current.Kind == PassKind.Validation)
        {
            pass = null;
            foreach (var executor in executors.Values)
            {
                executor.EndEvaluation();
            }

            setup.Status.Set("ready");
            Report(new EvaluationDone(epoch, current.Step, setup.Worker, TakeResult(), clock.TakeOptimizer()));
        }
        else if (HasTiedGradients(current) && HasSums())
        {
            pass = null;
            clock.Begin();
            var squares = executors.Values.SelectMany(executor => executor.GradientSquares()).ToArray();
            var products = setup.Plan.Job.Optimizer.IsLbfgs ? executors.Values.SelectMany(executor => executor.Products()).ToArray() : null;
            var result = TakeResult();
            clock.EndBetween();
            setup.Status.Set("waiting for the commit of the step");
            Report(new StepReady(epoch, current.Step, setup.Worker, squares, result, clock.TakeTimes(), products));
            setup.Faults.At(FaultPhase.Ready, current.Step);
        }
    }

    /// <summary>The next thing to do after the step that the stages are at: growing, adapting, reporting.</summary>
    private void Adapt(StagePass done)
    {
        var model = setup.Plan.Partition.Model;
        if (done.Kind == PassKind.Growing && model.GrowsAfter(done.Step))
        {
            setup.Status.Set("growing");
            foreach (var stage in setup.Stages)
            {
                executors[stage] = executors[stage].Grown(model.At(done.Step));
            }
        }

        if (done.Kind == PassKind.Growing && model.AdaptsAfter(done.Step))
        {
            Begin(StagePass.Adapting(done.Step, setup.Stages));
            return;
        }

        setup.Status.Set("ready");
        Report(new StagesAdapted(epoch, done.Step, setup.Worker, clock.TakeOptimizer()));
    }

    private bool HasSums()
    {
        if (!replicas.IsSummed)
        {
            Wait("waiting for gradients to be summed over the replicas", null, null);
        }

        return replicas.IsSummed;
    }

    private PassResult TakeResult() => PassResult.Sum(executors.Values.Select(executor => executor.TakeLoss()));

    /// <summary>The gradients of tied copies are with their owners, and what waited for them is on its way around the replicas.</summary>
    private bool HasTiedGradients(StagePass current)
    {
        if (current.TiedGradientsAdded)
        {
            return true;
        }

        if (ties.GatherGradients(current) is { } missing)
        {
            Wait("waiting at the end of the step", null, missing);
            return false;
        }

        replicas.ReleaseTied(epoch, current.Step);
        return current.TiedGradientsAdded = true;
    }

    private void Commit(CommitStep message)
    {
        setup.Faults.At(FaultPhase.Commit, message.Step);
        setup.Status.Set("in the optimizer");
        clock.Begin();
        foreach (var executor in executors.Values)
        {
            executor.Apply(message.Step, message.GradientScale, message.Move);
        }

        lastCommitted = message.Step;
        inbox.Reach(lastCommitted);
        if (message.ChangesParameters)
        {
            replicas.Gather(epoch, message.Step);
            ties.Expire();
            foreach (var stage in setup.Stages.Where(replicas.IsFreshOn))
            {
                Refreshed(stage);
            }

            carries.Send(lastCommitted);
        }

        clock.EndOptimizer();
        if (message.RunsNext)
        {
            Begin(StagePass.Training(message.Step + 1, setup.Actions));
        }
    }

    /// <summary>A stage has all parameters that it owns as of the last commit.</summary>
    private void Refreshed(int stage)
    {
        executors[stage].UpdateAverages();
        ties.SendValues(lastCommitted, stage);
    }

    /// <summary>Sees to it that the stage of the next action has the parameters of the last commit; false while some are missing. At the end of
    /// a list all stages are to have them.</summary>
    private bool Refresh(StagePass current)
    {
        var next = current.Next;
        if (next is { } action ? !replicas.IsFreshOn(action.Stage) : !replicas.IsFresh)
        {
            Wait("waiting for the other replicas' parameters before", next, null);
            return false;
        }

        if ((ties.Refresh(lastCommitted, next?.Stage) ?? (current.Kind == PassKind.Training ? carries.Refresh(lastCommitted, next) : null)) is { } missing)
        {
            Wait("waiting in", next, missing);
            return false;
        }

        return true;
    }

    /// <summary>What follows a commit must not overtake it.</summary>
    private void CheckCommitted(long step)
    {
        if (step != lastCommitted)
        {
            throw new InvalidOperationException($"the stage was told to go on after step {step}, and it has committed step {lastCommitted}");
        }
    }

    /// <summary>As soon as all that the stages have is of the last commit.</summary>
    /// <returns>False while something is missing.</returns>
    private bool CopyNow(CopyState order)
    {
        var missing = ties.Refresh(lastCommitted, null) ?? carries.RefreshAll(lastCommitted);
        if (!replicas.IsFresh || missing is not null)
        {
            Wait("waiting before copying its state", null, missing);
            return false;
        }

        copy = null;
        setup.Status.Set("copying its state");
        var optimizer = order.Directory is null ? null : clock.TakeOptimizer();
        clock.Begin();
        copier.Copy(order, started!, optimizer);
        clock.EndBetween();
        setup.Status.Set("ready");
        return true;
    }
}
