namespace Pipeline.Runtime.TensorPlane;

/// <summary>A message that waits to be written.</summary>
/// <param name="Reference">The message that it is about.</param>
/// <param name="Frame">Of tensors that go the first time; a retransmission names them by <paramref name="Reference"/>.</param>
internal readonly record struct Outgoing(MessageKind Kind, long Reference = 0, Frame? Frame = null, Credit? Credit = null);
