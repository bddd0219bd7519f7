namespace Pipeline.Runtime.Stages;

/// <summary>A stage has failed. The message is one sentence that names the stage, what it was doing and the cause.</summary>
public sealed class StageException(string message) : Exception(message);
