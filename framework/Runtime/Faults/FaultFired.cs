using Pipeline.Runtime.Cluster;

namespace Pipeline.Runtime.Faults;

/// <summary>From a stage actor to the coordinator: a fault that was asked for happens now. Not of a kill, which leaves nobody to tell it.</summary>
/// <param name="Fault">As <c>--inject</c> gave it.</param>
internal sealed record FaultFired(long Epoch, int Worker, string Fault) : IControlMessage;
