using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Cluster;

/// <param name="Host">The name or IPv4 address at which the others reach this node, and at which it listens.</param>
/// <param name="Port">0 for any free one.</param>
/// <param name="Name">In reports; empty for HOST:PORT.</param>
/// <param name="Devices">What the node lends to runs: <c>auto</c>, or some of <c>cpu</c>, <c>cuda</c> and <c>cuda:N</c>.</param>
public sealed record NodeSettings(
    string Host = "127.0.0.1",
    [Limits(0, ushort.MaxValue)] int Port = 4053,
    string Name = "",
    IReadOnlyList<string>? Devices = null) : ICheckedSettings
{
    public IReadOnlyList<string> Devices { get; init; } = Devices ?? ["auto"];

    /// <summary>Others on this machine alone can reach it.</summary>
    public bool IsLoopback => Host == "localhost" || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    /// <summary>A name, or an IPv4 address: Akka cannot write an IPv6 address into an actor's path.</summary>
    public static bool IsHost(string host) => IPAddress.TryParse(host, out var address)
        ? address.AddressFamily == AddressFamily.InterNetwork && !address.Equals(IPAddress.Any)
        : Uri.CheckHostName(host) == UriHostNameType.Dns;

    public string? Problem()
    {
        if (!IsHost(Host))
        {
            return $"pipeline.node.host must be the host name or the IPv4 address at which others reach this node, not {Shown(Host)}";
        }

        return Devices.FirstOrDefault(device => !IsDevice(device)) is { } wrong
            ? $"pipeline.node.devices must be auto, or some of cpu, cuda and cuda:N, not {Shown(wrong)}"
            : null;
    }

    private bool IsDevice(string device) => device is "cpu" or "cuda"
        || (device == "auto" && Devices.Count == 1)
        || (device.StartsWith("cuda:", StringComparison.Ordinal)
            && byte.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    private static string Shown(string text) => QuotedText.Of(QuotedText.Shorten(text));
}
