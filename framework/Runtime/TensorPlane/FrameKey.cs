using Pipeline.Core.Schedules;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>What a receiver looks for.</summary>
/// <param name="Stage">The stage that receives it.</param>
/// <param name="Index">The micro-batch; for tied parameters the index of the copy; in a ring the bucket and its hop.</param>
internal readonly record struct FrameKey(long Step, FrameKind Kind, int Stage, int Index)
{
    /// <summary>The key of what a schedule's action needs or gives.</summary>
    public static FrameKey Of(long step, PassKind pass, HandOver handOver) => new(step, KindOf(handOver.Kind, pass), handOver.Stage, handOver.MicroBatch);

    public static FrameKind KindOf(HandOverKind kind, PassKind pass) => (kind, pass) switch
    {
        (HandOverKind.Gradient, _) => FrameKind.Gradient,
        (_, PassKind.Validation) => FrameKind.ValidationActivation,
        (_, PassKind.Adapting) => FrameKind.AdaptingActivation,
        _ => FrameKind.Activation,
    };

    public override string ToString() => Kind switch
    {
        FrameKind.Activation => $"the activation of micro-batch {Index} of step {Step}",
        FrameKind.Gradient => $"the gradient of micro-batch {Index} of step {Step}",
        FrameKind.ValidationActivation => $"the activation of validation micro-batch {Index} after step {Step}",
        FrameKind.TiedGradient => $"the gradient of tied copy {Index} of step {Step}",
        FrameKind.TiedValue => $"the value of tied copy {Index} after step {Step}",
        FrameKind.Carry => $"what micro-batch {Index} carries after step {Step}",
        FrameKind.ValidationCarry => $"what validation micro-batch {Index} carries after step {Step}",
        FrameKind.AdaptingActivation => $"the activation that layers adapt to after step {Step}",
        FrameKind.Snapshot => $"part {Index} of the snapshot of worker {Stage} after step {Step}",
        FrameKind.Control => $"a control message of worker {Stage}",
        FrameKind.RingGradient => $"part {Index} of the gradients' sum over the replicas in step {Step}",
        _ => $"part {Index} of the parameters after step {Step}",
    };
}
