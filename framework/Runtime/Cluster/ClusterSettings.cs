using Akka.Configuration;
using Pipeline.Core.Configuration;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Runtime.Trust;

namespace Pipeline.Runtime.Cluster;

/// <summary>What this process is to the others of its cluster: the section <c>pipeline</c> of cluster.hocon. The command line's
/// options are laid over it as <c>settings with { ... }</c>.</summary>
/// <param name="InstructionSet">One for all nodes of a run.</param>
public sealed record ClusterSettings(
    NodeSettings Node,
    TlsSettings Tls,
    TensorPlaneSettings TensorPlane,
    [OneOf("auto", "avx2", "avx512")] string InstructionSet = "auto")
{
    /// <summary>A folder with authority.pem, node.pem and node.key is named.</summary>
    public bool UsesTls => Tls.Directory.Length > 0;

    /// <summary>The cluster is one run's own: its oldest member is the coordinator, which goes on however many nodes it loses.</summary>
    public bool IsOfOneRun { get; init; }

    /// <summary>Akka's settings, and those of our dispatchers.</summary>
    internal Config Akka { get; init; } = Config.Empty;

    /// <summary>Of this process's end of the tensor plane.</summary>
    internal PlaneSettings Plane(TlsIdentity? identity) =>
        new(Node.Host, TensorPlane.Port, identity, TensorPlane.MaximumFrameBytes, identity is null ? null : TensorPlane.Streams);

    /// <summary>The built-in settings with those of a file laid over them.</summary>
    /// <param name="path">The user's file, as the user wrote it; null for the built-in settings alone.</param>
    public static ClusterSettings Read(string? path)
    {
        const string builtIn = "the built-in cluster.hocon";
        using var stream = typeof(ClusterSettings).Assembly.GetManifestResourceStream("cluster.hocon")!;
        using var reader = new StreamReader(stream);
        var (own, akka) = Parse(reader.ReadToEnd(), builtIn);
        if (path is null)
        {
            return Bind(own, akka);
        }

        var (users, usersAkka) = Parse(HoconFile.Text(path, "cluster file"), path);
        var settings = Bind(own.Overlay(users), usersAkka.WithFallback(akka));
        return settings with { Tls = settings.Tls.RelativeTo(Path.GetDirectoryName(path) ?? "") };
    }

    private static (SettingObject Own, Config Akka) Parse(string text, string place)
    {
        var plain = HoconSyntax.PlainFile(text, place, out var lines);
        var tree = HoconTree.Read(plain, place, key => lines.TryGetValue(key, out var line) ? $"{place}, line {line}" : place);
        // Akka's own sections are Akka's to read.
        var own = tree.Children.Where(child => child.Key != "akka" && !child.Key.EndsWith("-dispatcher", StringComparison.Ordinal));
        return (new SettingObject("", place, own), ConfigurationFactory.ParseString(plain));
    }

    private static ClusterSettings Bind(SettingObject root, Config akka) => SettingsBinder.Bind<ClusterFile>(root).Pipeline with { Akka = akka };

    private sealed record ClusterFile(ClusterSettings Pipeline);
}
