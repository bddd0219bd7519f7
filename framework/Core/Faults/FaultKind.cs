namespace Pipeline.Core.Faults;

/// <summary>What is made to go wrong. A kind's word in a specification is its name in kebab-case (<c>fill-disk</c>).</summary>
public enum FaultKind
{
    /// <summary>The stage's process is killed (SIGKILL): it runs no handler and says no goodbye.</summary>
    Kill,

    /// <summary>The stage's process is stopped (SIGSTOP), and goes on after a time as if nothing had been.</summary>
    Freeze,

    /// <summary>The next frame that the stage sends to another process is left out.</summary>
    Drop,

    /// <summary>One bit of the next frame that the stage sends to another process is flipped on the way, behind its checksum's back.</summary>
    Corrupt,

    /// <summary>Every action of the step takes a multiple of its time.</summary>
    Slow,

    /// <summary>The stage's shard of a checkpoint fails as on a full disk, with half of it written.</summary>
    FillDisk,

    /// <summary>What an action gets or gives is not a number any more.</summary>
    Nan,

    /// <summary>The stage throws an exception.</summary>
    Fail,
}
