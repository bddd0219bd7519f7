using Pipeline.Runtime.Cluster;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests.Deploy;

/// <summary>slurm.sh runs, on stand-ins for Slurm's commands and for ours that write down how they were called.</summary>
public sealed class SlurmTests : IDisposable
{
    private const string StandIn = """
        #!/usr/bin/env bash
        line="${0##*/} $*"
        echo "$line" >> "$CALLS"
        case $line in
          "scontrol show hostnames "*) printf '%s\n' alpha beta ;;
          srun*)
            for host in alpha beta; do SLURMD_NODENAME=$host "${@:2}" & done
            trap 'kill $(jobs -p)' TERM
            wait; wait ;;
          "pipeline certificates --directory "*) mkdir "$3/alpha" "$3/beta"; touch "$3/authority.key"; stat -c %a "$3" > "$CALLS.mode" ;;
          "pipeline node "*)
            [ -z "${NODES_FAIL:-}" ] || exit 1
            [ ! -e "$TRUST/authority.key" ] || echo "$line saw the authority's key" >> "$CALLS"
            cp "$3" "$CALLS.$SLURMD_NODENAME"
            echo >> "$CALLS.up"
            trap 'kill $!; echo "$SLURMD_NODENAME was ended" >> "$CALLS"; exit 0' TERM
            sleep 60 & wait ;;
          "pipeline nodes "*) [ ! -e "$CALLS.up" ] || sed 's/.*/"address"/' "$CALLS.up" | tr -d '\n' ;;
          "pipeline train "*)
            trap 'kill $!; sleep 0.3; exit 130' TERM
            [ -z "${TRAIN_WAITS:-}" ] || { kill -TERM "$PPID"; sleep 60 & wait; }
            exit 7 ;;
        esac
        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_starts_a_node_on_each_host_trains_and_cleans_up()
    {
        var (code, calls) = Run();
        Assert.Equal(7, code);   // the training's
        var trust = Template.Values(calls[1], "--directory").Single();
        Assert.Equal($"pipeline certificates --directory {trust} --host alpha beta", calls[1]);
        Assert.Contains($"pipeline node --config {trust}/alpha/cluster.hocon --host alpha --port 20042 --name alpha", calls);
        Assert.Contains($"pipeline node --config {trust}/beta/cluster.hocon --host beta --port 20042 --name beta --join alpha:20042", calls);
        Assert.Contains($"pipeline train job.hocon --config {trust}/alpha/cluster.hocon --join alpha:20042 --host alpha --set job.steps=5", calls);
        Assert.Contains("alpha was ended", calls);
        Assert.Contains("beta was ended", calls);
        Assert.DoesNotContain(calls, call => call.EndsWith("key", StringComparison.Ordinal));
        Assert.Equal("700", File.ReadAllText(folder.File("calls.mode")).Trim());
        Assert.All(["alpha", "beta"], host => Assert.True(ClusterSettings.Read(folder.File($"calls.{host}")).UsesTls));
        Assert.False(Path.Exists(trust));
    }

    [Fact]
    public void A_later_part_of_an_array_resumes() =>
        Assert.Contains(Run(("SLURM_ARRAY_TASK_ID", "2")).Calls, call => call.EndsWith("--host alpha --resume --set job.steps=5", StringComparison.Ordinal));

    [Fact]
    public void A_signal_before_the_limit_lets_the_training_end_with_a_checkpoint()
    {
        var (code, calls) = Run(("TRAIN_WAITS", "yes"));
        Assert.Equal(130, code);
        Assert.Contains("beta was ended", calls);
    }

    [Fact]
    public void It_ends_when_no_node_starts()
    {
        var (code, calls) = Run(("NODES_FAIL", "yes"));
        Assert.Equal(1, code);
        Assert.DoesNotContain(calls, call => call.StartsWith("pipeline train", StringComparison.Ordinal));
    }

    private (int ExitCode, string[] Calls) Run(params (string Name, string Value)[] more)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs bash.");
        var programs = Directory.CreateDirectory(folder.File("programs")).FullName;
        foreach (var name in new[] { "scontrol", "srun", "pipeline" })
        {
            File.WriteAllText(Path.Combine(programs, name), StandIn);
            Template.Run("chmod", ["700", Path.Combine(programs, name)]);
        }

        var environment = new Dictionary<string, string>
        {
            ["PATH"] = $"{programs}:{Environment.GetEnvironmentVariable("PATH")}",
            ["CALLS"] = folder.File("calls"),
            ["SLURM_JOB_ID"] = "70042",
            ["SLURM_JOB_NODELIST"] = "alpha,beta",
        };
        foreach (var (name, value) in more)
        {
            environment.Add(name, value);
        }

        string[] script = [Path.Combine(Template.Folder, "slurm.sh"), "job.hocon", "--set", "job.steps=5"];
        var (code, _) = Template.Run("bash", ["-c", "cd \"$0\" && exec bash \"$@\"", folder.Path, .. script], environment: environment);
        return (code, File.ReadAllLines(folder.File("calls")));
    }
}
