namespace Pipeline.Core.Faults;

/// <summary>Where in a step something goes wrong. A phase's word in a specification is its name in small letters.</summary>
public enum FaultPhase
{
    /// <summary>Before a forward of the step: the first one, or a given micro-batch's.</summary>
    Forward,

    /// <summary>Before a backward of the step (its part that gives the input's gradient): the first one, or a given micro-batch's.</summary>
    Backward,

    /// <summary>Right after the stage has reported that its part of the step is done: before the commit has come.</summary>
    Ready,

    /// <summary>The commit has come and is not applied yet.</summary>
    Commit,

    /// <summary>Half of the stage's shard of the step's checkpoint is on disk.</summary>
    Checkpoint,
}
