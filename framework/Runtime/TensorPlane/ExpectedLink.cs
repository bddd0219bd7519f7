namespace Pipeline.Runtime.TensorPlane;

/// <summary>A link whose dialler is awaited.</summary>
internal sealed class ExpectedLink(LinkName name, ILinkReceiver receiver) : IDisposable
{
    private readonly OpenConnection?[] connections = new OpenConnection?[PlaneLimits.Connections];
    private Guid attempt;

    public LinkName Name => name;

    public ILinkReceiver Receiver => receiver;

    public TaskCompletionSource<ITensorLink> Link { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <returns>All of the link's connections when this was the last; else null.</returns>
    public OpenConnection[]? Add(Hello hello, OpenConnection connection)
    {
        if (attempt != hello.Attempt)
        {
            Dispose();   // the dialler began anew
            attempt = hello.Attempt;
        }

        connections[hello.Connection]?.Dispose();
        connections[hello.Connection] = connection;
        if (connections.AsSpan(0, hello.Connections).Contains(null))
        {
            return null;
        }

        OpenConnection[] all = [.. connections.OfType<OpenConnection>()];
        Array.Clear(connections);   // they are the link's
        return all;
    }

    /// <summary>Closes the connections of a link that does not come about.</summary>
    public void Dispose()
    {
        Array.ForEach(connections, connection => connection?.Dispose());
        Array.Clear(connections);
    }
}
