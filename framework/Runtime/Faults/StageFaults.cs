using System.Diagnostics;
using Pipeline.Core.Faults;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Faults;

/// <summary>The faults that are armed for one worker. Each happens once in the life of this object, at the place that it names. Calls come from the
/// worker's thread, but for those while a shard is written. Without faults every call returns at once.</summary>
/// <param name="armed">The worker's own.</param>
internal sealed class StageFaults(IReadOnlyCollection<Fault> armed)
{
    /// <summary>What was sent just before leaves the process.</summary>
    private static readonly TimeSpan SendTime = TimeSpan.FromMilliseconds(20);

    private readonly List<Fault> waiting = [.. armed];   // its own lock: a shard may be written by another thread
    private readonly Queue<WireDamage> wire = [];
    private readonly bool any = armed.Count > 0;
    private (long Step, double Factor)? slow;
    private long actionBegan;
    private bool poisons;

    /// <summary>Told of each fault when it happens; from any thread.</summary>
    public Action<Fault>? Fired { get; set; }

    /// <param name="faults">Of the whole run, as <see cref="Fault.Parse"/> reads them.</param>
    public static StageFaults Of(IReadOnlyList<string>? faults, int worker, Workers workers) =>
        new((faults ?? []).Select(Fault.Parse).Where(fault => workers.Of(fault.Replica, fault.Stage) == worker).ToArray());

    /// <summary>The worker has come to a place in a step: what is to happen there happens.</summary>
    /// <exception cref="InvalidOperationException">That is a failure of the stage.</exception>
    public void At(FaultPhase phase, long step)
    {
        while (any && Take(fault => fault.Phase == phase && fault.Step == step) is { } fault)
        {
            Happen(fault);
        }
    }

    /// <summary>Before an action of a training step.</summary>
    /// <param name="input">What it is given; null where it is given nothing. A failure disposes it.</param>
    /// <returns>What it is to be given.</returns>
    public Tensor? Before(long step, PipelineAction action, Tensor? input)
    {
        if (!any)
        {
            return input;
        }

        actionBegan = Stopwatch.GetTimestamp();
        if (Take(fault => fault.Kind == FaultKind.Slow && fault.Step == step) is { } slows)
        {
            Fired?.Invoke(slows);
            slow = (step, slows.Factor!.Value);
        }

        slow = slow?.Step == step ? slow : null;
        try
        {
            while (Take(fault => Strikes(fault, step, action)) is { } fault)
            {
                Happen(fault);
            }

            return Poisoned(input);
        }
        catch
        {
            input?.Dispose();
            throw;
        }
    }

    /// <summary>After it.</summary>
    /// <param name="result">What it gives; null where it gives nothing.</param>
    /// <returns>What it is to give.</returns>
    public Tensor? After(Tensor? result)
    {
        if (slow is var (_, factor))
        {
            Thread.Sleep((factor - 1) * Stopwatch.GetElapsedTime(actionBegan));
        }

        return any ? Poisoned(result) : result;
    }

    /// <summary>A frame on its way over a link, marked when something is to happen to it there.</summary>
    public Frame OnWire(Frame frame, ITensorLink link) =>
        wire.Count > 0 && link is SocketLink ? frame with { Damage = wire.Dequeue() } : frame;

    /// <summary>While the shard of a step's checkpoint is written, on any thread.</summary>
    /// <returns>To be called with the bytes written so far and the bytes of all before each piece; null where nothing is armed for this step.
    /// When half is written, what is to happen happens; a full disk is an <see cref="IOException"/>.</returns>
    public Action<long, long>? WhileWriting(long step)
    {
        lock (waiting)
        {
            return waiting.Any(fault => fault.Phase == FaultPhase.Checkpoint && fault.Step == step) ? AtHalf : null;
        }

        void AtHalf(long written, long all)
        {
            if (2 * written >= all)
            {
                At(FaultPhase.Checkpoint, step);
            }
        }
    }

    private static bool Strikes(Fault fault, long step, PipelineAction action) => fault.Step == step
        && (fault.MicroBatch ?? action.MicroBatch) == action.MicroBatch
        && ((fault.Phase == FaultPhase.Forward && action.Kind == ActionKind.Forward) || (fault.Phase == FaultPhase.Backward && action.GivesInputGradient));

    private Fault? Take(Predicate<Fault> strikes)
    {
        lock (waiting)
        {
            var at = waiting.FindIndex(strikes);
            if (at < 0)
            {
                return null;
            }

            var fault = waiting[at];
            waiting.RemoveAt(at);
            return fault;
        }
    }

    private void Happen(Fault fault)
    {
        if (fault.Kind is FaultKind.Kill or FaultKind.Freeze)
        {
            Thread.Sleep(fault.Phase == FaultPhase.Ready ? SendTime : TimeSpan.Zero);
            Console.Error.WriteLine($"injected: {fault}");
        }

        if (fault.Kind != FaultKind.Kill)
        {
            Fired?.Invoke(fault);
        }

        switch (fault.Kind)
        {
            case FaultKind.Kill:
                OwnProcess.Kill();
                break;
            case FaultKind.Freeze:
                OwnProcess.Freeze(fault.Duration!.Value);
                break;
            case FaultKind.Drop:
                wire.Enqueue(WireDamage.Dropped);
                break;
            case FaultKind.Corrupt:
                wire.Enqueue(fault.Twice ? WireDamage.FlippedTwice : WireDamage.Flipped);
                break;
            case FaultKind.Nan:
                poisons = true;
                break;
            case FaultKind.FillDisk:
                throw new IOException("No space left on device");
            default:
                throw new InvalidOperationException($"this was asked for with --inject \"{fault}\"");
        }
    }

    /// <summary>All of a tensor, as one wrong number would after a layer or two.</summary>
    private Tensor? Poisoned(Tensor? tensor)
    {
        if (!poisons || tensor is null)
        {
            return tensor;
        }

        poisons = false;
        using (tensor)
        {
            using var gradientsOff = no_grad();
            return Arithmetic.Scale(tensor, double.NaN).DetachFromDisposeScope();
        }
    }
}
