using System.CommandLine;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Runtime.Cluster;

namespace Pipeline.Cli.Cluster;

/// <summary>How commands say which cluster they mean and what they are in it.</summary>
internal sealed class ClusterOptions
{
    public Option<string?> Config { get; } = new("--config") { Description = "A file with settings such as those of cluster.hocon, laid over the built-in ones." };

    public Option<string?> Join { get; } = new("--join") { Description = "HOST:PORT of any node of the cluster." };

    public Option<string?> Host { get; } = new("--host") { Description = "The name or address of this machine by which the others reach it (pipeline.node.host)." };

    public Option<bool> Insecure { get; } = new("--insecure")
    {
        Description = "Listen to other machines without TLS: whoever reaches the port can run work here and read and alter runs.",
    };

    public IEnumerable<Option> All => [Config, Join, Host, Insecure];

    /// <summary>Those that were given beside <c>--join</c>, for another command on the same cluster.</summary>
    public IReadOnlyList<string> Further(ParseResult parsed) =>
    [
        .. parsed.GetValue(Config) is { } config ? ["--config", config] : Array.Empty<string>(),
        .. parsed.GetValue(Host) is { } host ? ["--host", host] : Array.Empty<string>(),
        .. parsed.GetValue(Insecure) ? ["--insecure"] : Array.Empty<string>(),
    ];

    /// <summary>The settings that the options make.</summary>
    public ClusterSettings Settings(ParseResult parsed)
    {
        var settings = ClusterSettings.Read(parsed.GetValue(Config));
        if (parsed.GetValue(Host) is { } host)
        {
            settings = settings with { Node = settings.Node with { Host = host } };
            Check(settings);
        }

        if (parsed.GetValue(Join) is { } join && settings.Node.IsLoopback && !IsLoopback(join))
        {
            throw new BadInputException(
                $"--join: {QuotedText.Shorten(join)} is another machine, which cannot reach this one at {settings.Node.Host}; say with --host by what name it can.");
        }

        return settings;
    }

    /// <summary>The same for a command that takes part for a while only: on any free port, with no name.</summary>
    public ClusterSettings Visitor(ParseResult parsed)
    {
        var settings = Settings(parsed);
        return settings with { Node = settings.Node with { Port = 0, Name = "" }, TensorPlane = settings.TensorPlane with { Port = 0 } };
    }

    public static void Check(ClusterSettings settings)
    {
        if (settings.Node.Problem() is { } problem)
        {
            throw new BadInputException($"{problem}.");
        }
    }

    private static bool IsLoopback(string join) => new NodeSettings(join.Split(':')[0]).IsLoopback;
}
