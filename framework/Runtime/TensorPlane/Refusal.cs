namespace Pipeline.Runtime.TensorPlane;

/// <summary>Why something that came to a process's end of the plane was not taken.</summary>
internal enum Refusal
{
    /// <summary>The connection said nothing for too long, or ended before it had said who it is.</summary>
    Silent,

    /// <summary>No certificate of the job's own authority, or no TLS at all.</summary>
    Certificate,

    /// <summary>The connection did not begin with a greeting of this protocol.</summary>
    Greeting,

    /// <summary>A greeting of another protocol version.</summary>
    Version,

    /// <summary>A greeting with another secret than the run's.</summary>
    Secret,

    /// <summary>A greeting of an older epoch.</summary>
    Epoch,

    /// <summary>Nobody waits for this link.</summary>
    Unexpected,

    /// <summary>Too many connections wait already.</summary>
    Busy,

    /// <summary>A header of another magic number, version, link or kind, or with a wrong checksum.</summary>
    Header,

    /// <summary>A message that was there before, or that others should come before.</summary>
    Sequence,

    /// <summary>More bytes than a frame may have, or sizes that cannot be.</summary>
    Size,

    /// <summary>A payload that does not have its checksum.</summary>
    Payload,
}
