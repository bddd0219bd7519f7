using System.Diagnostics;
using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>Runs that were submitted to nodes which are there: they outlive the terminal, and the node that has the coordinator.</summary>
public sealed class TakeoverTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan TakeoverLimit = TimeSpan.FromSeconds(15);

    private readonly TemporaryFolder folder = new();
    private readonly List<Command> nodes = [];
    private string address = "";

    public TakeoverTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), """
            job   { name = small, steps = 300, directory = run }
            model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16, dropout = 0.1 }
            data  { files = text.txt }
            batch { sequences = 4, micro-batches = 2 }
            parallel { stages = 2, split = even }
            evaluation { every = 150, batches = 1 }
            checkpoint { every = 100 }
            recovery { snapshot-every = 20 }
            """);
    }

    public void Dispose()
    {
        nodes.ForEach(node => node.Dispose());
        folder.Dispose();
    }

    [Fact]
    public void The_coordinators_node_is_killed_and_both_terminals_see_the_run_end_as_if_nothing_had_happened()
    {
        var expected = Undisturbed();
        Start("alpha", "beta", "gamma");
        var other = $"127.0.0.1:{Port(1)}";
        using var train = Command.Start(folder.Path, "train", "job.hocon", "--join", address);
        train.WaitFor("step ");
        nodes[0].Signal("KILL");
        var clock = Stopwatch.StartNew();
        using var attached = Command.Start(folder.Path, "attach", "--join", other, "small", "--json");   // while there is no coordinator
        WaitUntil(() => Happened("takeover"));
        Assert.True(clock.Elapsed < TakeoverLimit, $"It took {clock.Elapsed}.");
        TestContext.Current.SendDiagnosticMessage($"The coordinator was taken over after {clock.Elapsed}.");
        var (code, output, errors) = train.Finish();
        Assert.True(code == 0, errors);
        Assert.Contains("The coordinator has moved from node alpha to node ", output, StringComparison.Ordinal);
        (code, output, errors) = attached.Finish();
        Assert.True(code == 0, errors);
        Assert.Equal("completed", JsonDocument.Parse(output).RootElement.GetProperty("outcome").GetString());
        Assert.Equal(expected, Losses("run"));
    }

    [Fact]
    public void A_coordinators_node_that_stood_still_while_it_was_replaced_changes_nothing_and_ends()
    {
        var expected = Undisturbed();
        Start("alpha", "beta", "gamma");
        using var train = Command.Start(folder.Path, "train", "job.hocon", "--join", $"127.0.0.1:{Port(1)}");
        train.WaitFor("step ");
        nodes[0].Signal("STOP");
        WaitUntil(() => Happened("takeover"));
        nodes[0].Signal("CONT");
        var (code, _, errors) = train.Finish();
        Assert.True(code == 0, errors);
        var records = Records();
        (code, _, errors) = nodes[0].Finish();
        Assert.Equal(1, code);
        Assert.Contains("The node ends: the cluster removed this node", errors, StringComparison.Ordinal);
        Assert.Equal(records, Records());
        Assert.Equal(expected, Losses("run"));
        Assert.Single(Events(), happened => happened == "takeover");
        Assert.Single(Events(), happened => happened == "end");
    }

    [Fact]
    public void The_coordinators_node_can_leave_without_a_step_lost()
    {
        var expected = Undisturbed();
        Start("alpha", "beta", "gamma");
        using var train = Command.Start(folder.Path, "train", "job.hocon", "--join", address);
        train.WaitFor("step ");
        nodes[0].Signal("TERM");
        var (code, _, errors) = nodes[0].Finish();
        Assert.Equal((0, ""), (code, errors));
        (code, _, errors) = train.Finish();
        Assert.True(code == 0, errors);
        Assert.Equal(expected, Losses("run"));
        Assert.Contains("takeover", Events());
    }

    [Fact]
    public void Terminals_come_and_go_and_a_run_goes_on()
    {
        Start("alpha", "beta");
        string[] endless = ["--join", address, "--set", "parallel.stages=1", "--set", "job.steps=100000"];
        var (code, output, errors) = Attach();
        Assert.Equal((2, "No run goes on in the cluster.\n"), (code, errors));

        using (var killed = Command.Start(folder.Path, ["train", "job.hocon", .. endless]))
        {
            killed.WaitFor("step ");
            killed.Signal("KILL");
        }

        (code, output, errors) = Command.Run(
            folder.Path, ["train", "job.hocon", "--detach", "--json", .. endless, "--set", "job.name=other", "--set", "job.directory=other"]);
        Assert.True(code == 0, errors);
        Assert.Equal("running", JsonDocument.Parse(output).RootElement.GetProperty("outcome").GetString());
        Assert.Contains($"The run goes on; pipeline attach --join {address} other shows it.", errors, StringComparison.Ordinal);

        (code, _, errors) = Attach();
        Assert.Equal(
            (2, $"Several runs go on; give the name or the directory of one: small ({folder.File("run")}), other ({folder.File("other")}).\n"), (code, errors));
        (code, _, errors) = Attach("third");
        Assert.Equal((2, $"No run third goes on in the cluster; there are small ({folder.File("run")}), other ({folder.File("other")}).\n"), (code, errors));
        (code, _, errors) = Command.Run(folder.Path, ["train", "job.hocon", .. endless]);
        Assert.Equal(2, code);
        Assert.StartsWith("device is cpu, but all of the cluster's are taken: ", errors, StringComparison.Ordinal);

        using (var leaving = Command.Start(folder.Path, "attach", "--join", address, "small"))
        {
            leaving.WaitFor("step ");
            leaving.Signal("INT");
            (code, output, errors) = leaving.Finish();
            Assert.True(code == 0, errors);
            Assert.Contains("The run goes on; ", output, StringComparison.Ordinal);
        }

        (code, output, errors) = Attach("small", "--stop");
        Assert.True(code == 130, errors);
        Assert.Contains("Interrupted after step ", output, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.EnumerateDirectories(folder.File("run/checkpoints")));
        (code, output, errors) = Attach("small");
        Assert.True(code == 130, errors);
        Assert.StartsWith("The run small has ended already.\nInterrupted after step ", output, StringComparison.Ordinal);

        using var last = Command.Start(folder.Path, ["train", "job.hocon", .. endless, "--resume"]);
        last.WaitFor("step ");
        last.Signal("INT");
        (code, output, errors) = last.Finish();
        Assert.Equal((130, ""), (code, errors));
        Assert.Contains("Interrupted after step ", output, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Attach(params string[] arguments) =>
        Command.Run(folder.Path, ["attach", "--join", address, .. arguments]);

    /// <summary>The first one has the coordinators.</summary>
    private void Start(params IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            string[] join = nodes.Count == 0 ? [] : ["--join", address];
            nodes.Add(Command.Start(folder.Path, ["node", "--port", "0", "--name", name, "--devices", "cpu", .. join]));
            var line = nodes[^1].ReadLine();
            address = nodes.Count == 1 ? line.Split(' ')[^1].TrimEnd('.') : address;
        }
    }

    /// <summary>Of a node, as the cluster has it.</summary>
    private int Port(int node)
    {
        var (code, output, errors) = Command.Run(folder.Path, "nodes", "--join", address, "--json");
        Assert.True(code == 0, errors);
        return int.Parse(
            JsonDocument.Parse(output).RootElement.GetProperty("nodes")[node].GetProperty("address").GetString()!.Split(':')[1],
            System.Globalization.CultureInfo.InvariantCulture);
    }

    private IReadOnlyList<(long, double, double)> Undisturbed()
    {
        var (code, _, errors) = Command.Run(folder.Path, "train", "job.hocon", "--set", "job.directory=undisturbed");
        Assert.True(code == 0, errors);
        return Losses("undisturbed");
    }

    /// <summary>One line a step.</summary>
    private IReadOnlyList<(long Step, double Loss, double Norm)> Losses(string run)
    {
        (long Step, double, double)[] steps =
        [
            .. File.ReadLines(folder.File($"{run}/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
                .Select(line => (line.GetProperty("step").GetInt64(), line.GetProperty("loss").GetDouble(), line.GetProperty("grad_norm").GetDouble())),
        ];
        Assert.Equal(Enumerable.Range(1, steps.Length).Select(step => (long)step), steps.Select(step => step.Step));
        return steps;
    }

    private IReadOnlyList<(string, string)> Records() =>
    [
        .. Directory.EnumerateFiles(folder.File("run"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(path => Path.GetFileName(path) != "run.lock").Select(path => (path, Convert.ToHexString(File.ReadAllBytes(path)))),
    ];

    private IReadOnlyList<string> Events() =>
        [.. File.ReadLines(folder.File("run/events.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("kind").GetString()!)];

    private bool Happened(string kind) => File.ReadAllText(folder.File("run/events.jsonl")).Contains($"\"{kind}\"", StringComparison.Ordinal);

    private static void WaitUntil(Func<bool> condition)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Sleep(10))
        {
            Assert.True(clock.Elapsed < Soon, "It did not happen in time.");
        }
    }
}
