using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Cluster;

/// <summary>Where a node is reached, written HOST:PORT.</summary>
public sealed record HostPort(string Host, int Port)
{
    /// <param name="where">What a sentence about it begins with, such as the option's name.</param>
    public static HostPort Parse(string text, string where)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && NodeSettings.IsHost(text[..colon])
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? new HostPort(text[..colon], port)
            : throw new BadInputException(
                $"{where} must be HOST:PORT with a host name or an IPv4 address, such as 10.0.0.1:4053, not {QuotedText.Of(QuotedText.Shorten(text))}.");
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}
