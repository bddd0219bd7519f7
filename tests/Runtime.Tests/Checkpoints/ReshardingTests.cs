using Pipeline.Core.Jobs;
using Pipeline.Runtime.Tests.Generation;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>A checkpoint of every layout goes on in every other, optimizer state included: the next ten losses and gradient norms are those of a run that was never
/// stopped, bit for bit; between different numbers of replicas, whose sums have another order, within 1e-6. All pairs are gone through, in families in turn.</summary>
public class ReshardingTests
{
    private const int Before = 3;
    private const int After = 10;

    private static readonly (string Parallel, int Replicas)[] Layouts =
    [
        ("stages=1,schedule=1f1b", 1),
        ("stages=2,schedule=1f1b", 1),
        ("stages=3,schedule=1f1b", 1),
        ("stages=4,schedule=1f1b", 1),
        ("stages=2,schedule=1f1b,replicas=2", 2),
        ("stages=2,schedule=zb-v,chunks=2", 1),
    ];

    public static TheoryData<string> Names => SmallModel.AllNames;

    /// <summary>Each family has its share of the pairs of layouts.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public Task A_family_goes_on_in_other_layouts(string family)
    {
        string[] families = [.. Families.All.Select(one => one.Name)];
        var pairs = from before in Enumerable.Range(0, Layouts.Length)
                    from after in Enumerable.Range(0, Layouts.Length)
                    where before != after
                    select (before, after);
        var turn = Array.IndexOf(families, family);
        return GoOnAsync(SmallModel.SettingsOf(family), [.. pairs.Where((_, index) => index % families.Length == turn)]);
    }

    private static async Task GoOnAsync(ModelSettings model, IReadOnlyList<(int Before, int After)> pairs)
    {
        var straight = new Dictionary<int, IReadOnlyList<(long Step, double Loss, double GradNorm)>>();
        foreach (var replicas in pairs.SelectMany(pair => new[] { Layouts[pair.Before].Replicas, Layouts[pair.After].Replicas }).Distinct())
        {
            using var run = await TrainAsync(model, $"stages=1,replicas={replicas}", Before + After, null);
            straight[replicas] = run.Metrics();
            Assert.Equal(Before + After, straight[replicas].Count);
        }

        foreach (var (before, after) in pairs)
        {
            using var first = await TrainAsync(model, Layouts[before].Parallel, Before, null);
            using var second = await TrainAsync(model, Layouts[after].Parallel, Before + After, first.Directory);
            var (expected, found) = (straight[Layouts[after].Replicas].Skip(Before).ToArray(), second.Metrics());
            if (Layouts[before].Replicas == Layouts[after].Replicas)
            {
                Assert.Equal(expected, found);
                continue;
            }

            Assert.Equal(expected.Select(step => step.Step), found.Select(step => step.Step));
            Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-6 * pair.First.Loss));
        }
    }

    /// <param name="resume">The run directory of another.</param>
    private static async Task<TestRun> TrainAsync(ModelSettings model, string layout, int steps, string? resume)
    {
        var run = new TestRun(null, model);
        string[] overrides = [$"job.steps={steps}", $"parallel={{split=even,{layout}}}", "optimizer.ema=0.9", .. SmallModel.DataOf(model)];
        var summary = resume is null ? await run.RunAsync(overrides) : await run.ResumeFromAsync(resume, overrides);
        Assert.Equal(("completed", null), (summary.Outcome, summary.Failure));
        return run;
    }
}
