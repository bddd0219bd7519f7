using System.Text.Json;
using Pipeline.Core;
using Pipeline.Runtime.Trust;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>The authority and the nodes' folders that <c>pipeline certificates</c> makes.</summary>
public sealed class CertificatesCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Another_run_adds_a_node_under_the_same_authority_and_no_run_overwrites_a_key()
    {
        var (code, output, errors) = Command.Run(folder.Path, "certificates", "--directory", "c");
        Assert.True(code == 0, errors);
        Assert.StartsWith("c/authority.pem: a new authority, for ten years.\nc/localhost: the certificate of localhost, 127.0.0.1, ::1, for one year", output, StringComparison.Ordinal);
        var authority = File.ReadAllText(folder.File("c/authority.pem"));

        var added = Command.Run(folder.Path, "certificates", "--directory", "c", "--host", "a.example", "10.0.0.7", "--json");
        Assert.True(added.ExitCode == 0, added.Errors);
        using var report = JsonDocument.Parse(added.Output);
        Assert.False(report.RootElement.GetProperty("new_authority").GetBoolean());
        Assert.Equal(["c/a.example", "c/10.0.0.7"], report.RootElement.GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("directory").GetString()));
        Assert.Equal(authority, File.ReadAllText(folder.File("c/authority.pem")));

        var again = Command.Run(folder.Path, "certificates", "--directory", "c");
        Assert.Equal((2, "", "c/localhost exists already; remove it first if localhost shall get a new certificate.\n"), again);

        using var here = TlsIdentity.Read(folder.File("c/localhost"));
        using var there = TlsIdentity.Read(folder.File("c/10.0.0.7"));
        Assert.Null(here.Problem(there.Certificate, "10.0.0.7"));
        Assert.NotNull(here.Problem(there.Certificate, "a.example"));
    }

    [Fact]
    public void Half_an_authority_is_not_made_whole_silently()
    {
        Assert.Equal(0, Command.Run(folder.Path, "certificates", "--directory", "c").ExitCode);
        File.Delete(folder.File("c/authority.pem"));
        var (code, _, errors) = Command.Run(folder.Path, "certificates", "--directory", "c", "--host", "x");
        Assert.Equal((2, "c/authority.key is there without authority.pem, and to sign takes both; add it or choose another folder.\n"), (code, errors));
        Assert.Throws<BadInputException>(() => TlsIdentity.Read(folder.File("c/x")));
    }
}
