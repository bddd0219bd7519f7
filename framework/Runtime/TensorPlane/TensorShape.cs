namespace Pipeline.Runtime.TensorPlane;

/// <summary>A tensor of a message, before there is memory for it.</summary>
/// <param name="Type">The element type's number on the wire.</param>
internal readonly record struct TensorShape(int Type, long[] Dimensions);
