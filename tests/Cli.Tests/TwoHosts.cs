using System.Diagnostics;

namespace Pipeline.Cli.Tests;

/// <summary>Two hosts: network namespaces joined by a virtual cable.</summary>
internal sealed class TwoHosts : IDisposable
{
    private readonly string id = Guid.NewGuid().ToString("N")[..6];

    /// <summary>Skips the test where namespaces cannot be made.</summary>
    public TwoHosts()
    {
        if (!OperatingSystem.IsLinux() || !Try("netns", "add", First))
        {
            Assert.Skip("Network namespaces need Linux, iproute2 and the right to administer the network.");
        }

        Do("netns", "add", Second);
        Do("link", "add", $"a{id}", "netns", First, "type", "veth", "peer", "name", $"b{id}", "netns", Second);
        foreach (var (host, cable, address) in new[] { (First, $"a{id}", FirstAddress), (Second, $"b{id}", SecondAddress) })
        {
            Do("-n", host, "addr", "add", $"{address}/24", "dev", cable);
            Do("-n", host, "link", "set", cable, "up");
            Do("-n", host, "link", "set", "lo", "up");
        }
    }

    public string First => $"pipeline-a-{id}";

    public string Second => $"pipeline-b-{id}";

    public string FirstAddress => "10.211.0.1";

    public string SecondAddress => "10.211.0.2";

    /// <summary>Bytes that went over the cable so far.</summary>
    public long Sent()
    {
        using var ip = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", First, "cat", $"/sys/class/net/a{id}/statistics/tx_bytes"]) { RedirectStandardOutput = true })!;
        return long.Parse(ip.StandardOutput.ReadToEnd(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        Try("netns", "del", First);
        Try("netns", "del", Second);
    }

    private static void Do(params string[] arguments) => Assert.True(Try(arguments), $"ip {string.Join(' ', arguments)} failed.");

    private static bool Try(params string[] arguments)
    {
        try
        {
            using var ip = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
            ip.WaitForExit();
            return ip.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
