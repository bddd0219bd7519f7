namespace Pipeline.Runtime.TensorPlane;

/// <summary>The receiver has taken a frame off an edge: the sender may have one more under way.</summary>
/// <param name="Stage">The receiving stage.</param>
internal sealed record Credit(long Epoch, FrameKind Kind, int Stage);
