using Pipeline.Core.Schedules;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>What a hand-over carries.</summary>
internal enum FrameKind
{
    /// <summary>A stage's output, to the next stage.</summary>
    Activation,

    /// <summary>The gradient of a stage's input, to the stage before.</summary>
    Gradient,

    /// <summary>A stage's output in evaluation.</summary>
    ValidationActivation,

    /// <summary>The gradient of a tied copy, to its owner.</summary>
    TiedGradient,

    /// <summary>The new value of a tied parameter, to a copy.</summary>
    TiedValue,
}

/// <summary>What a receiver looks for.</summary>
/// <param name="Stage">The stage that receives it.</param>
/// <param name="Index">The micro-batch; for tied parameters the index of the copy.</param>
internal readonly record struct FrameKey(long Step, FrameKind Kind, int Stage, int Index)
{
    /// <summary>The key of what a schedule's action needs or gives.</summary>
    public static FrameKey Of(long step, bool evaluation, HandOver handOver) => new(step, KindOf(handOver.Kind, evaluation), handOver.Stage, handOver.MicroBatch);

    public static FrameKind KindOf(HandOverKind kind, bool evaluation) => kind switch
    {
        HandOverKind.Gradient => FrameKind.Gradient,
        _ => evaluation ? FrameKind.ValidationActivation : FrameKind.Activation,
    };

    public override string ToString() => Kind switch
    {
        FrameKind.Activation => $"the activation of micro-batch {Index} of step {Step}",
        FrameKind.Gradient => $"the gradient of micro-batch {Index} of step {Step}",
        FrameKind.ValidationActivation => $"the activation of validation micro-batch {Index} after step {Step}",
        FrameKind.TiedGradient => $"the gradient of tied copy {Index} of step {Step}",
        _ => $"the value of tied copy {Index} after step {Step}",
    };
}

/// <summary>A tensor on its way between two stages. Whoever holds the frame owns the tensor: the receiver takes it, or the path that
/// drops the frame disposes it.</summary>
/// <param name="SentAt">Stopwatch ticks.</param>
internal sealed record Frame(long Epoch, FrameKey Key, Tensor Payload, long SentAt) : IDisposable
{
    public void Dispose() => Payload.Dispose();
}
