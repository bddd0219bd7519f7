using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Cluster;

// From a terminal to the runs actor.

/// <summary>Train; for a run that <see cref="AttachRun"/> has found unknown, and answered like it. The same run may be submitted again, and is not begun again.</summary>
/// <param name="Software">Of the terminal's process.</param>
/// <param name="Nodes">So many are waited for.</param>
/// <param name="Probe">A file that the terminal has made beside the run directory.</param>
internal sealed record SubmitRun(SubmittedRun Run, NodeSoftware Software, int Nodes, string Probe) : IControlMessage;

/// <summary>Tell the sender of a run, from now to its end. Answered with <see cref="RunShown"/>, <see cref="RunOver"/>, <see cref="RunFailed"/>, <see cref="RunWaits"/>
/// or <see cref="RunUnknown"/>; to whoever is told already with <see cref="RunWaits"/>.</summary>
/// <param name="Run">The run's secret; null where only the name is known.</param>
/// <param name="Name">Of the job; null for the only one.</param>
/// <param name="Directory">What the name is as a run's directory, absolute.</param>
internal sealed record AttachRun(Guid? Run, string? Name, string? Directory) : IControlMessage;

/// <summary>End a run cleanly after the step under way, or do not begin it.</summary>
internal sealed record StopSubmitted(Guid Run) : IControlMessage;

// From the runs actor to a terminal.

/// <summary>A run that goes on.</summary>
/// <param name="Places">By worker.</param>
/// <param name="Node">The name of the node that has the coordinator.</param>
/// <param name="Recent">The newest steps, all but the last without their stages.</param>
internal sealed record RunShown(SubmittedRun Run, IReadOnlyList<WorkerPlace> Places, string Node, IReadOnlyList<StepMetrics> Recent) : IControlMessage;

/// <summary>Steps of a run, in order.</summary>
internal sealed record RunSteps(Guid Run, IReadOnlyList<StepMetrics> Steps) : IControlMessage;

/// <param name="Places">By worker, from here on.</param>
internal sealed record RunHappening(Guid Run, RunEvent Happened, IReadOnlyList<WorkerPlace> Places) : IControlMessage;

/// <summary>The run has ended.</summary>
internal sealed record RunOver(Guid Run, RunSummary Summary) : IControlMessage;

/// <summary>The run was not begun, or its coordinator could not go on.</summary>
/// <param name="Reason">One sentence; null where it was stopped before it began.</param>
/// <param name="IsBadInput">The user can correct it.</param>
internal sealed record RunFailed(Guid Run, string? Reason, bool IsBadInput) : IControlMessage;

/// <summary>There is nothing new yet.</summary>
internal sealed record RunWaits(Guid Run) : IControlMessage;

/// <param name="Sentence">Says which runs there are.</param>
internal sealed record RunUnknown(string Sentence) : IControlMessage;
