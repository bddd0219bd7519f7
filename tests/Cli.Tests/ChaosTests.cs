using Pipeline.Chaos.Runs;

namespace Pipeline.Cli.Tests;

/// <summary>Twenty faults, several to a run, in runs of real processes: each run ends as if nothing had happened. <c>tests/Chaos</c> draws hundreds.</summary>
public sealed class ChaosTests
{
    private const int Seed = 1;

    /// <summary>Two stages each, so that there are few processes to start.</summary>
    private static readonly ChaosJob[] Jobs = [.. ChaosJob.All.Where(job => job.Workers == 2)];

    [Fact]
    public void Runs_to_which_things_happen_end_as_if_nothing_had()
    {
        var references = new References();
        Assert.All(DrawnRun.Of(Seed, 20, Jobs), run =>
        {
            var result = new DisturbedRun(run, references).Run(keep: null);
            Assert.True(result.IsGood, $"{run}\n{string.Join('\n', result.Problems.Concat(result.Tail))}");
        });
    }
}
