namespace Pipeline.Runtime.Checkpoints;

/// <summary>What a folder with a checkpoint's name is.</summary>
public enum CheckpointState
{
    Whole,

    /// <summary>The manifest, or a file that it names, is not there.</summary>
    Incomplete,

    /// <summary>A file is not as it was written.</summary>
    Damaged,

    /// <summary>A newer version of Pipeline has written it.</summary>
    Newer,

    /// <summary>Set aside: its run went on from an earlier one, or wrote the step again.</summary>
    Superseded,

    /// <summary>Being written, or left by a run that was killed.</summary>
    Partial,
}
