using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>A stage actor's part in tied parameters: gradients go from copies to their owners at the end of a step, values the other way after
/// a commit.</summary>
/// <param name="executors">Of the worker's stages.</param>
/// <param name="send">Hands a tensor to the worker that holds the key's stage.</param>
internal sealed class TiedExchange(
    StageSetup setup, IReadOnlyDictionary<int, IStageExecutor> executors, FrameInbox inbox, StageClock clock, Action<FrameKey, Tensor> send)
{
    private readonly TiedCopy[] updated = [.. setup.TiedCopies.Where(copy => !copy.SharesMemory && !copy.Parameter.IsFixed)];   // with memory of their own
    private readonly List<TiedCopy> stale = [];

    /// <summary>Sends the gradients of copies to their owners, and adds those of the parameters owned here, in the order of copies whoever
    /// holds them, when all have come.</summary>
    /// <returns>A gradient that is missing; null when all were added.</returns>
    public FrameKey? GatherGradients(StagePass pass)
    {
        if (!pass.TiedGradientsSent)
        {
            pass.TiedGradientsSent = true;
            foreach (var copy in setup.TiedCopies.Where(copy => copy.HasGradient && setup.Holds(copy.Stage) && !setup.Holds(copy.Owner)))
            {
                send(GradientKey(pass, copy), executors[copy.Stage].TakeTiedGradient(copy));
            }
        }

        var owned = setup.TiedCopies.Where(copy => copy.HasGradient && setup.Holds(copy.Owner));
        foreach (var copy in owned.Where(copy => !setup.Holds(copy.Stage)))
        {
            if (GradientKey(pass, copy) is var key && !inbox.Contains(key))
            {
                return key;
            }
        }

        setup.Status.Set("ending the step");
        clock.Begin();
        foreach (var copy in owned)
        {
            executors[copy.Owner].AddTiedGradient(copy, inbox.Remove(GradientKey(pass, copy))?.Single ?? executors[copy.Stage].TakeTiedGradient(copy));
        }

        clock.EndBetween();
        return null;
    }

    /// <summary>A step was applied: copies here are not to be used before they have their owners' values.</summary>
    public void Expire() => stale.AddRange(updated.Where(copy => setup.Holds(copy.Stage)));

    /// <summary>Gives copies the values of what a stage owns.</summary>
    /// <param name="step">The last one applied.</param>
    public void SendValues(long step, int owner)
    {
        foreach (var copy in updated.Where(copy => copy.Owner == owner))
        {
            var value = executors[owner].TiedValue(copy);
            if (setup.Holds(copy.Stage))
            {
                executors[copy.Stage].SetTiedValue(copy, value);
                stale.Remove(copy);
            }
            else
            {
                send(ValueKey(step, copy), value);
            }
        }
    }

    /// <summary>Gives a stage's copies, or those of all stages, the values that have come for them.</summary>
    /// <returns>A value that is missing; null when all copies have theirs.</returns>
    public FrameKey? Refresh(long step, int? stage)
    {
        while (stale.FindIndex(copy => stage is null || copy.Stage == stage) is >= 0 and var index)
        {
            var copy = stale[index];
            if (inbox.Remove(ValueKey(step, copy)) is not { } frame)
            {
                return ValueKey(step, copy);
            }

            clock.Begin();
            executors[copy.Stage].SetTiedValue(copy, frame.Single);
            clock.EndBetween();
            stale.RemoveAt(index);
        }

        return null;
    }

    private static FrameKey GradientKey(StagePass pass, TiedCopy copy) => new(pass.Step, FrameKind.TiedGradient, copy.Owner, copy.Index);

    private static FrameKey ValueKey(long step, TiedCopy copy) => new(step, FrameKind.TiedValue, copy.Stage, copy.Index);
}
