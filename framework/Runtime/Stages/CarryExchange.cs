using Pipeline.Core.Schedules;
using Pipeline.Runtime.TensorPlane;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>A stage actor's part in what slots carry from step to step: it goes from the last stage to the first after each commit.</summary>
/// <param name="executors">Of the worker's stages.</param>
/// <param name="send">Hands tensors to the worker that holds the key's stage.</param>
internal sealed class CarryExchange(
    StageSetup setup, IReadOnlyDictionary<int, IStageExecutor> executors, FrameInbox inbox, Action<FrameKey, IReadOnlyList<Tensor>> send)
{
    private readonly int last = setup.Schedule.Stages - 1;
    private readonly HashSet<int> missing = [];   // micro-batches of the first stage

    /// <summary>A step was applied.</summary>
    public void Send(long step)
    {
        if (setup.Plan.Partition.Model.Carry is null || last == 0)
        {
            return;
        }

        for (var microBatch = 0; microBatch < setup.Schedule.MicroBatches; microBatch++)
        {
            if (setup.Holds(last))
            {
                send(KeyOf(step, microBatch), executors[last].TakeCarry(microBatch));
            }

            if (setup.Holds(0))
            {
                missing.Add(microBatch);
            }
        }
    }

    /// <summary>Gives the first stage what the micro-batch of its next action carries.</summary>
    /// <returns>What is missing; null when the action has what it needs.</returns>
    public FrameKey? Refresh(long step, PipelineAction? next)
    {
        if (next is not { Kind: ActionKind.Forward, Stage: 0, MicroBatch: var microBatch } || !missing.Contains(microBatch))
        {
            return null;
        }

        if (inbox.Remove(KeyOf(step, microBatch)) is not { } frame)
        {
            return KeyOf(step, microBatch);
        }

        executors[0].SetCarry(microBatch, frame.Payload);
        missing.Remove(microBatch);
        return null;
    }

    /// <summary>Gives the first stage what all micro-batches carry.</summary>
    /// <returns>What is missing; null when it has everything.</returns>
    public FrameKey? RefreshAll(long step)
    {
        foreach (var microBatch in missing.Order().ToArray())
        {
            if (Refresh(step, PipelineAction.Forward(0, microBatch)) is { } absent)
            {
                return absent;
            }
        }

        return null;
    }

    private static FrameKey KeyOf(long step, int microBatch) => new(step, FrameKind.Carry, 0, microBatch);
}
