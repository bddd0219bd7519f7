using System.Diagnostics;
using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>Runs over several processes, each of them the real command.</summary>
public sealed class ClusterTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private readonly TemporaryFolder folder = new();

    public ClusterTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), """
            job   { name = small, steps = 12, directory = run }
            model { architecture = gpt2, layers = 4, width = 16, heads = 2, context = 16, dropout = 0.1 }
            data  { files = text.txt }
            batch { sequences = 8, micro-batches = 4 }
            parallel { stages = 4, split = even }
            evaluation { every = 6, batches = 2 }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(4, "parallel.stages=4")]
    [InlineData(3, "parallel.stages=4", "data.kind=mqar", "data.vocabulary=16", "data.length=16", "data.pairs=2", "model.context=16", "evaluation.every=4")]
    [InlineData(3, "parallel.stages=4", "data.kind=sudoku", "model.architecture=trm", "model.width=32", "model.heads=4", "model.context=16", "model.net-layers=1",
        "model.high-cycles=2", "model.low-cycles=1", "model.puzzle-length=1", "model.halt-max-passes=3", "optimizer.ema=0.9")]
    [InlineData(3, "parallel.stages=4", "data.kind=function", "data.inputs=2", "data.formula=[\"x1*x2\"]", "model.architecture=kan", "model.widths=[2,4,4,4,1]",
        "model.refine=[10]", "model.refine-every=3", "model.grid-update-every=2")]
    [InlineData(4, "parallel.stages=2", "parallel.replicas=2")]
    public void Processes_give_the_same_bits_as_one_process_and_none_is_left(int processes, params string[] layout)
    {
        string[] overrides = [.. layout.SelectMany(value => new[] { "--set", value })];
        var (code, _, errors) = Command.Run(folder.Path, ["train", "job.hocon", .. overrides]);
        Assert.Equal((0, ""), (code, errors));
        var expected = Losses();

        using var command = Command.Start(folder.Path, ["train", "job.hocon", "--processes", $"{processes}", "--json", .. overrides]);
        var (clusterCode, output, clusterErrors) = command.Finish();
        Assert.True(clusterCode == 0, clusterErrors);
        Assert.Empty(command.Alive);
        Assert.Equal(expected, Losses());
        var stages = JsonDocument.Parse(output).RootElement.GetProperty("stages").EnumerateArray().ToArray();
        Assert.Equal(Enumerable.Range(0, 4).Select(worker => $"node-{1 + (worker * processes / 4)}"), stages.Select(stage => stage.GetProperty("node").GetString()));
        Assert.Equal(processes, stages.Select(stage => stage.GetProperty("process").GetInt32()).Append(command.Id).Distinct().Count() - 1);
    }

    [Fact]
    public void Ctrl_C_in_a_terminal_leaves_a_checkpoint_and_no_process()
    {
        using var command = Command.StartGroup(folder.Path, "train", "job.hocon", "--processes", "2", "--set", "parallel.stages=2", "--set", "job.steps=100000");
        command.WaitFor("step 1/");
        Command.Signal("INT", $"-{command.Id}");
        var (code, output, errors) = command.Finish();
        Assert.Equal((130, ""), (code, errors));
        Assert.Contains("Interrupted after step ", output, StringComparison.Ordinal);
        Assert.Empty(command.Alive);
        Assert.Single(Directory.EnumerateDirectories(folder.File("run/checkpoints")));
    }

    [Fact]
    public void A_node_that_is_killed_does_not_end_the_run()
    {
        string[] job = ["train", "job.hocon", "--set", "parallel.stages=2", "--set", "job.steps=150", "--set", "evaluation.every=0"];
        Assert.Equal(0, Command.Run(folder.Path, job).ExitCode);
        var expected = Losses();
        using var command = Command.StartAsItComes(folder.Path, [.. job, "--processes", "2"]);
        command.WaitFor("step 25/");
        Command.Signal("KILL", $"{command.Alive.Where(id => id != command.Id).Max()}");
        var (code, _, errors) = command.Finish();
        Assert.True(code == 0, errors);
        var records = File.ReadAllText(folder.File("run/events.jsonl"));
        Assert.Matches("The node node-[12] was lost, and with it stage [01]|has lost its link to stage [01]", records);
        Assert.Matches("After a loss: the run goes on after step [0-9]+, from the memory of its processes, in epoch 2; stage [01] is on node-[12]/cpu now.", records);
        Assert.Equal(expected, Losses());
        Assert.Empty(command.Alive);
    }

    [Fact]
    public void A_parent_that_is_killed_takes_its_nodes_along()
    {
        using var command = Command.Start(folder.Path, "train", "job.hocon", "--processes", "2", "--set", "parallel.stages=2", "--set", "job.steps=100000");
        command.WaitFor("step 1/");
        Command.Signal("KILL", $"{command.Id}");
        WaitUntil(() => command.Alive.Count == 0);
    }

    [Fact]
    public void A_failing_run_leaves_no_process()
    {
        using var command = Command.Start(
            folder.Path, "train", "job.hocon", "--processes", "2", "--set", "parallel.stages=2", "--set", "optimizer.learning-rate=1e30", "--set", "optimizer.warmup-steps=0", "--set", "optimizer.clip-norm=0", "--set", "job.steps=100");
        var (code, _, errors) = command.Finish();
        Assert.Equal(1, code);
        Assert.Contains("not a finite number", errors, StringComparison.Ordinal);
        Assert.Empty(command.Alive);
    }

    [Fact]
    public void A_job_is_submitted_to_nodes_that_are_there_and_they_serve_the_next_one_too()
    {
        using var first = Command.Start(folder.Path, "node", "--port", "0", "--name", "alpha", "--devices", "cpu");
        var address = first.ReadLine().Split(' ')[^1].TrimEnd('.');
        using var second = Command.Start(folder.Path, "node", "--port", "0", "--name", "beta", "--devices", "cpu", "--join", address);
        second.WaitFor("Node beta");
        string[] train = ["train", "job.hocon", "--join", address, "--set", "parallel.stages=2"];
        var (code, output, errors) = Command.Run(folder.Path, train);
        Assert.True(code == 0, errors);
        Assert.Contains("alpha/cpu", output, StringComparison.Ordinal);
        Assert.Contains("beta/cpu", output, StringComparison.Ordinal);
        var losses = Losses();

        (code, output, errors) = Command.Run(folder.Path, [.. train, "--json", "--set", "parallel.placement=[beta/cpu,alpha/cpu]"]);
        Assert.True(code == 0, errors);
        Assert.Equal(losses, Losses());
        Assert.Equal(["beta", "alpha"], JsonDocument.Parse(output).RootElement.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("node").GetString()));

        (code, output, errors) = Command.Run(folder.Path, "nodes", "--join", address, "--json");
        Assert.True(code == 0, errors);
        var nodes = JsonDocument.Parse(output).RootElement.GetProperty("nodes").EnumerateArray().ToArray();
        Assert.Equal(["alpha", "beta"], nodes.Select(node => node.GetProperty("name").GetString()));
        Assert.All(nodes, node => Assert.Empty(node.GetProperty("devices")[0].GetProperty("runs").EnumerateArray()));

        (code, _, errors) = Command.Run(folder.Path, [.. train, "--set", "parallel.placement=[beta/cpu,gamma/cpu]"]);
        Assert.Equal((2, "parallel.placement: there is no gamma/cpu in the cluster; there are alpha/cpu, beta/cpu.\n"), (code, errors));

        foreach (var node in new[] { second, first })
        {
            node.Signal("INT");
            var (nodeCode, _, nodeErrors) = node.Finish();
            Assert.Equal((0, ""), (nodeCode, nodeErrors));
        }
    }

    [Fact]
    public void A_node_that_is_stopped_leaves_behind_the_step_under_way_and_the_run_goes_on()
    {
        using var first = Command.Start(folder.Path, "node", "--port", "0", "--name", "alpha", "--devices", "cpu");
        var address = first.ReadLine().Split(' ')[^1].TrimEnd('.');
        using var second = Command.Start(folder.Path, "node", "--port", "0", "--name", "beta", "--devices", "cpu", "--join", address);
        second.WaitFor("Node beta");
        string[] job = ["train", "job.hocon", "--set", "parallel.stages=2", "--set", "job.steps=400", "--set", "evaluation.every=0"];
        using var train = Command.Start(folder.Path, [.. job, "--join", address, "--nodes", "2"]);
        train.WaitFor("step 13/");
        second.Signal("TERM");
        var (code, _, errors) = second.Finish();
        Assert.Equal((0, ""), (code, errors));
        (code, _, errors) = train.Finish();
        Assert.True(code == 0, errors);
        var events = File.ReadAllText(folder.File("run/events.jsonl"));
        Assert.Contains("The node beta leaves: the run goes on after step ", events, StringComparison.Ordinal);
        Assert.DoesNotContain("\"fault\"", events, StringComparison.Ordinal);
        var losses = Losses();
        Assert.Equal(0, Command.Run(folder.Path, job).ExitCode);
        Assert.Equal(Losses(), losses);
    }

    private IReadOnlyList<(double, double)> Losses() =>
    [
        .. File.ReadLines(folder.File("run/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Select(line => (line.GetProperty("loss").GetDouble(), line.GetProperty("grad_norm").GetDouble())),
    ];

    private static void WaitUntil(Func<bool> condition)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Sleep(10))
        {
            Assert.True(clock.Elapsed < Soon, "It did not happen in time.");
        }
    }
}
