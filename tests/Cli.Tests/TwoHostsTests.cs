using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>Nodes on two hosts.</summary>
public sealed class TwoHostsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TwoHostsTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), """
            job   { name = small, steps = 10, directory = run }
            model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
            data  { files = text.txt }
            batch { sequences = 8, micro-batches = 4 }
            parallel { stages = 2, split = even }
            evaluation { every = 5, batches = 2 }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_over_two_hosts_has_the_losses_of_one_process(bool tls)
    {
        using var hosts = new TwoHosts();
        var (code, _, errors) = Command.Run(folder.Path, "train", "job.hocon");
        Assert.True(code == 0, errors);
        var expected = Losses();
        if (tls)
        {
            (code, _, errors) = Command.Run(folder.Path, "certificates", "--directory", "ca", "--host", hosts.FirstAddress, hosts.SecondAddress);
            Assert.True(code == 0, errors);
        }

        string[] Trust(string address)
        {
            if (!tls)
            {
                return ["--insecure"];
            }

            File.WriteAllText(folder.File($"{address}.hocon"), $"pipeline {{ tls {{ directory = \"ca/{address}\" }} }}");
            return ["--config", $"{address}.hocon"];
        }

        using var first = Command.StartIn(hosts.First, folder.Path, ["node", "--host", hosts.FirstAddress, "--name", "one", .. Trust(hosts.FirstAddress)]);
        first.WaitFor("Node one");
        var join = $"{hosts.FirstAddress}:4053";
        using var second = Command.StartIn(
            hosts.Second, folder.Path, ["node", "--host", hosts.SecondAddress, "--name", "two", "--join", join, .. Trust(hosts.SecondAddress)]);
        second.WaitFor("Node two");
        var before = hosts.Sent();
        using var train = Command.StartIn(
            hosts.First, folder.Path, ["train", "job.hocon", "--host", hosts.FirstAddress, "--join", join, "--json", .. Trust(hosts.FirstAddress)]);
        (code, var output, errors) = train.Finish();
        Assert.True(code == 0, errors);
        Assert.Equal(expected, Losses());
        Assert.Equal(["one", "two"], JsonDocument.Parse(output).RootElement.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("node").GetString()));
        // Ten steps and two evaluations of activations, 4 bytes x 8 sequences x 16 tokens x width 16 each: they went over the cable.
        Assert.InRange(hosts.Sent() - before, 10 * 4 * 8 * 16 * 16, long.MaxValue);
    }

    private IReadOnlyList<double> Losses() =>
        [.. File.ReadLines(folder.File("run/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss").GetDouble())];
}
