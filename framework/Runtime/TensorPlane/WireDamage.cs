namespace Pipeline.Runtime.TensorPlane;

/// <summary>What is to happen to a frame on its way to another process, for drills.</summary>
internal enum WireDamage
{
    None = 0,

    /// <summary>It is left out: the peer finds a gap in the sequence and loses the link.</summary>
    Dropped,

    /// <summary>A bit of its payload is flipped. It is asked for once more, and comes whole.</summary>
    Flipped,

    /// <summary>The same when it is sent again.</summary>
    FlippedTwice,
}
