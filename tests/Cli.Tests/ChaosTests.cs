using Pipeline.Chaos.Runs;

namespace Pipeline.Cli.Tests;

/// <summary>Twenty faults, five to a run, in runs of real processes: each run ends as if nothing had happened. <c>tests/Chaos</c> draws hundreds.</summary>
public sealed class ChaosTests
{
    private const int Seed = 1;

    /// <summary>Armed for a process or a frame that is no more when its time comes, a fault does not happen; such are few.</summary>
    private const int LeastFired = 15;

    /// <summary>What is hardest to keep: averages and carries, the coordinator's own L-BFGS, several chunks to a stage. Two stages each, so that there are few
    /// processes to start.</summary>
    private static readonly ChaosJob[] Jobs = [.. new[] { "gpt2-ema", "trm", "kan-lbfgs", "hybrid-v" }.Select(Job)];

    [Fact]
    public void Runs_to_which_things_happen_end_as_if_nothing_had()
    {
        var references = new References();
        var fired = 0;
        Assert.All(DrawnRun.Of(Seed, 20, Jobs, isShort: true), run =>
        {
            var result = new DisturbedRun(run, references).Run(keep: null);
            Assert.True(result.IsGood, $"{run}\n{string.Join('\n', result.Problems.Concat(result.Tail))}");
            fired += result.Faults.Count(fault => fault.Fired);
        });
        Assert.InRange(fired, LeastFired, 20);
    }

    [Fact]
    public void A_run_that_does_not_end_is_ended_and_told()
    {
        var run = new DrawnRun(Seed, 0, Job("gpt2-ema"), Processes: 1, Spares: 0, Faults: []);
        var result = new DisturbedRun(run, new(), TimeSpan.FromSeconds(1)).Run(keep: null);
        Assert.Equal(["it has not ended after 1 s"], result.Problems);
    }

    private static ChaosJob Job(string name) => ChaosJob.All.Single(job => job.Name == name) with { Steps = 40 };
}
