namespace Pipeline.Runtime.TensorPlane;

/// <summary>What a message of a connection is. The numbers go over the wire.</summary>
internal enum MessageKind
{
    Tensors = 1,
    Credit = 2,

    /// <summary>All messages up to the one referred to have arrived.</summary>
    Acknowledgement = 3,

    /// <summary>The payload of the message referred to arrived damaged.</summary>
    Retransmission = 4,

    /// <summary>Nothing follows.</summary>
    Goodbye = 5,
}
