namespace Pipeline.Runtime.TensorPlane;

/// <summary>A process's end of the tensor plane: makes links to the workers of other processes.</summary>
internal interface ITensorPlane
{
    /// <summary>Where this process listens.</summary>
    PlaneAddress Address { get; }

    /// <summary>Opens a link to a process that accepts it.</summary>
    /// <exception cref="IOException">The peer does not answer, or refuses.</exception>
    Task<ITensorLink> DialAsync(PlaneAddress peer, LinkName name, ILinkReceiver receiver, CancellationToken cancellation);

    /// <summary>Waits until the peer opens the link of this name.</summary>
    Task<ITensorLink> AcceptAsync(LinkName name, ILinkReceiver receiver, CancellationToken cancellation);
}
