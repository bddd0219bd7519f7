namespace Pipeline.Runtime.TensorPlane;

/// <summary>Bounds on what a peer can make this process hold or wait for.</summary>
internal static class PlaneLimits
{
    public const int Tensors = 16;
    public const int Dimensions = 8;
    public const int Streams = 16;

    /// <summary>Of a link: each stream has one for either direction.</summary>
    public const int Connections = 2 * Streams;


    /// <summary>Connections that have not said who they are; more wait in the system's own queue.</summary>
    public const int Greetings = 16;

    /// <summary>Connections that wait for a link that this process does not expect yet.</summary>
    public const int Early = 64;

    public static readonly TimeSpan GreetingTime = TimeSpan.FromSeconds(5);

    public static readonly TimeSpan EarlyTime = TimeSpan.FromSeconds(15);

    /// <summary>How long a link that is disposed tries to bring out what was sent.</summary>
    public static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(2);
}
