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
    private readonly Dictionary<string, (Command Command, string Address)> nodes = [];

    public TakeoverTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), """
            job   { name = small, steps = 400, directory = run }
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
        foreach (var (command, _) in nodes.Values)
        {
            command.Dispose();
        }

        folder.Dispose();
    }

    /// <summary>That one which is replaced can change nothing any more is tested where it is made so.</summary>
    [Fact]
    public void The_coordinators_node_stands_still_leaves_or_is_killed_and_the_run_ends_as_if_nothing_had_happened()
    {
        Start("alpha", "beta", "gamma", "delta");
        using var train = Command.Start(folder.Path, "train", "job.hocon", "--join", nodes["delta"].Address, "--set", "recovery.spares=1");
        train.WaitFor("step 39/");   // behind a snapshot

        nodes["alpha"].Command.Signal("STOP");
        var clock = Stopwatch.StartNew();
        var second = NodeThatTakesOver("alpha");
        Assert.True(clock.Elapsed < TakeoverLimit, $"It took {clock.Elapsed}.");
        TestContext.Current.SendDiagnosticMessage($"The coordinator was taken over after {clock.Elapsed}.");
        nodes["alpha"].Command.Signal("CONT");
        WaitUntil(() => Events("join").Count > 1);   // the three that are left have a part in it now

        nodes[second].Command.Signal("TERM");
        var third = NodeThatTakesOver(second);

        nodes[third].Command.Signal("KILL");
        var last = nodes.Keys.Except(["alpha", second, third]).Single();
        using var attached = Command.Start(folder.Path, "attach", "--join", nodes[last].Address, "small", "--json");   // while there is no coordinator
        NodeThatTakesOver(third);
        var (code, output, errors) = train.Finish();
        Assert.True(code == 0, errors);
        Assert.Contains($"The run was found again: its coordinator is on node {second} now.", output, StringComparison.Ordinal);
        (code, output, errors) = attached.Finish();
        Assert.True(code == 0, errors);
        Assert.Equal("completed", JsonDocument.Parse(output).RootElement.GetProperty("outcome").GetString());
        (code, _, errors) = nodes["alpha"].Command.Finish();
        Assert.Equal(1, code);
        Assert.Contains("The node ends: the cluster removed this node", errors, StringComparison.Ordinal);
        Assert.Equal(0, nodes[second].Command.Finish().ExitCode);

        Assert.Equal((1, 3, 1), (Events("start").Count, Events("takeover").Count, Events("end").Count));
        (code, _, errors) = Command.Run(folder.Path, "train", "job.hocon", "--set", "job.directory=undisturbed");
        Assert.True(code == 0, errors);
        Assert.Equal(Losses("undisturbed"), Losses("run"));
    }

    [Fact]
    public void Terminals_come_and_go_and_a_run_goes_on()
    {
        Start("alpha", "beta");
        var address = nodes["alpha"].Address;
        string[] train = ["train", "job.hocon", "--join", address, "--set", "job.steps=100000"];
        using (var killed = Command.Start(folder.Path, train))
        {
            killed.WaitFor("step ");
            killed.Signal("KILL");
        }

        var (code, output, errors) = Command.Run(folder.Path, train);
        Assert.Equal((2, "device is cpu, but all of the cluster's are taken: alpha/cpu by small: stage 0; beta/cpu by small: stage 1.\n"), (code, errors));

        using (var leaving = Command.Start(folder.Path, "attach", "--join", address))
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

        (code, output, errors) = Command.Run(
            folder.Path, [.. train, "--detach", "--json", "--set", "job.name=other", "--set", "job.directory=other", "--set", "job.steps=10"]);
        Assert.True(code == 0, errors);
        Assert.Equal("running", JsonDocument.Parse(output).RootElement.GetProperty("outcome").GetString());
        Assert.Contains($"The run goes on; pipeline attach --join {address} other shows it.", errors, StringComparison.Ordinal);

        (code, output, errors) = Attach("small");
        Assert.True(code == 130, errors);
        Assert.StartsWith("The run small has ended already.\nInterrupted after step ", output, StringComparison.Ordinal);
        WaitUntil(() => File.Exists(folder.File("other/summary.json")));

        using var last = Command.Start(folder.Path, [.. train, "--resume"]);
        last.WaitFor("stage 1: ");   // it has begun
        last.Signal("INT");
        (code, output, errors) = last.Finish();
        Assert.Equal((130, ""), (code, errors));
        Assert.Contains("Interrupted after step ", output, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Attach(params string[] arguments) =>
        Command.Run(folder.Path, ["attach", "--join", nodes["alpha"].Address, .. arguments]);

    /// <summary>The first one has the coordinators; the others start together.</summary>
    private void Start(string first, params IReadOnlyList<string> others)
    {
        Start([first], []);
        Start(others, ["--join", nodes[first].Address]);
    }

    private void Start(IReadOnlyList<string> names, string[] options)
    {
        var started = names.Select(name => (name, Command.Start(folder.Path, ["node", "--port", "0", "--name", name, "--devices", "cpu", .. options]))).ToArray();
        foreach (var (name, command) in started)
        {
            nodes.Add(name, (command, ""));   // to be ended, whatever comes
        }

        foreach (var (name, command) in started)
        {
            nodes[name] = (command, command.ReadLine().Split(' ')[^1].TrimEnd('.'));
        }
    }

    /// <summary>Waits for it.</summary>
    private string NodeThatTakesOver(string lost)
    {
        var beginning = $"The coordinator has moved from node {lost} to node ";
        string? moved = null;
        WaitUntil(() => (moved = Events("takeover").FirstOrDefault(message => message.StartsWith(beginning, StringComparison.Ordinal))) is not null);
        return moved![beginning.Length..].Split(':')[0];
    }

    private long LastStep() => File.ReadAllText(folder.File("run/metrics.jsonl")).Split('\n') is [.., var last, _] ? JsonDocument.Parse(last).RootElement.GetProperty("step").GetInt64() : 0;

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

    /// <summary>Their messages.</summary>
    private IReadOnlyList<string> Events(string kind) =>
    [
        .. File.ReadAllText(folder.File("run/events.jsonl")).Split('\n').SkipLast(1).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(happened => happened.GetProperty("kind").GetString() == kind).Select(happened => happened.GetProperty("message").GetString()!),
    ];

    private void WaitUntil(Func<bool> condition)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Sleep(10))
        {
            Assert.True(clock.Elapsed < Soon, $"It did not happen in time: step {LastStep()}, {File.ReadAllText(folder.File("run/events.jsonl"))}");
        }
    }
}
