using System.CommandLine;
using System.Globalization;
using System.Net;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Runtime.Trust;

namespace Pipeline.Cli.Cluster;

/// <summary><c>pipeline certificates</c>: a private authority with a certificate for each node, to try a cluster under TLS.</summary>
internal static class CertificatesCommand
{
    private const string Localhost = "localhost";

    public static Command Create()
    {
        var directory = new Option<string>("--directory")
        {
            Description = "The folder to write to; an authority that lies there already signs the new certificates too.",
            Required = true,
        };
        var hosts = new Option<string[]>("--host")
        {
            Description = "The name or IP address under which others reach a node; several are allowed. Without it localhost.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [Localhost],
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("certificates", "Make a private authority and certificates for the nodes of a cluster.") { directory, hosts, json };
        command.SetAction(parsed =>
        {
            var report = Make(parsed.GetRequiredValue(directory), [.. parsed.GetRequiredValue(hosts).Distinct(StringComparer.OrdinalIgnoreCase)]);
            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
            {
                output.Write(JsonOutput.Of(report));
            }
            else
            {
                Print(report, output);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static CertificatesReport Make(string directory, IReadOnlyList<string> hosts)
    {
        // Everything is checked before anything is written.
        foreach (var host in hosts)
        {
            if (!IPAddress.TryParse(host, out _) && Uri.CheckHostName(host) != UriHostNameType.Dns)
            {
                throw new BadInputException($"--host must be a host name or an IP address, not {QuotedText.Of(QuotedText.Shorten(host))}.");
            }

            var folder = Folder(directory, host);
            if (Path.Exists(folder))
            {
                throw new BadInputException($"{folder} exists already; remove it first if {host} shall get a new certificate.");
            }
        }

        if (File.Exists(directory))
        {
            throw new BadInputException($"--directory: {directory} is a file; a folder is needed.");
        }

        var exists = CertificateAuthority.ExistsIn(directory);
        using var authority = exists ? CertificateAuthority.Open(directory) : CertificateAuthority.Create(directory);
        foreach (var host in hosts)
        {
            authority.WriteNode(Folder(directory, host), Names(host));
        }

        return new CertificatesReport(directory, !exists, [.. hosts.Select(host => new NodeCertificate(host, Names(host), Folder(directory, host)))]);
    }

    /// <summary>An IPv6 address as a folder that every file system takes.</summary>
    private static string Folder(string directory, string host) => Path.Combine(directory, host.Replace(':', '-'));

    private static string[] Names(string host) => host == Localhost ? [Localhost, "127.0.0.1", "::1"] : [host];

    private static void Print(CertificatesReport report, TextWriter output)
    {
        var authority = Path.Combine(report.Directory, TlsIdentity.AuthorityFile);
        output.WriteLine(report.NewAuthority ? $"{authority}: a new authority, for ten years." : $"{authority}: the authority that was there.");
        foreach (var node in report.Nodes)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{node.Directory}: the certificate of {string.Join(", ", node.Names)}, for one year, with its private key and the authority's certificate."));
        }

        output.WriteLine($"""

            Copy each node's folder, and nothing else, to its host, readable to the user that runs the node alone, and name it there in the
            cluster file:
              pipeline.tls.directory = "{report.Nodes[0].Directory}"
            Every node and the training process need one; a node without a certificate of this authority is refused.

            This is an authority for trials: {CertificateAuthority.KeyFile} lies here unprotected, and whoever has it can add nodes. Keep it off the nodes;
            for lasting clusters, let your own authority sign certificates for server and client authentication.
            """);
    }

    private sealed record CertificatesReport(string Directory, bool NewAuthority, IReadOnlyList<NodeCertificate> Nodes);

    private sealed record NodeCertificate(string Host, IReadOnlyList<string> Names, string Directory);
}
