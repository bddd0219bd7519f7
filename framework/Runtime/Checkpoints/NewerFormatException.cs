using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>A checkpoint may be whole, but a newer version of Pipeline has written it.</summary>
public sealed class NewerFormatException(string message) : BadInputException(message);
