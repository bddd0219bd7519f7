namespace Pipeline.Runtime.Cluster;

/// <summary>Somebody asked for the run's end before it had begun.</summary>
public sealed class RunStoppedException() : OperationCanceledException("The run was stopped before it began.");
