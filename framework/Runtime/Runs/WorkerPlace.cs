namespace Pipeline.Runtime.Runs;

/// <summary>Where a worker runs.</summary>
/// <param name="Node">The node's name; the host's in a run of one process.</param>
/// <param name="Process">Its id there.</param>
/// <param name="Device">Such as cpu or cuda:1.</param>
public sealed record WorkerPlace(string Node, int Process, string Device);
