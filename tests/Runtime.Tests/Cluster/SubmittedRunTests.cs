using Pipeline.Core.Configuration;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Transformer;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>A node makes the same plan of a submitted run as the process that has opened the job.</summary>
public sealed class SubmittedRunTests : IDisposable
{
    private readonly TestRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void A_plan_that_was_submitted_is_the_same_elsewhere()
    {
        using var plan = run.Plan(false, "parallel.stages=4", "parallel.split=even");
        var there = SubmittedRun.Of(Guid.NewGuid(), plan.Run).Open([new Gpt2()]);
        there.Place(plan.Run.Places, plan.Run.InstructionSet);
        Assert.Equal(SettingsWriter.Write(plan.Job), SettingsWriter.Write(there.Job));
        Assert.Equal(plan.Schedule.ToCsv(), there.Schedule.ToCsv());
        Assert.Equal(plan.Partition.Cuts, there.Partition.Cuts);
        Assert.Equal(plan.Run.Summaries, there.Summaries);
        Assert.Equal(plan.Run.Data.Files, there.Data.Files);
        Assert.Equal(plan.Run.Data with { Files = there.Data.Files }, there.Data);
        Assert.Equal(plan.Run.Warnings, there.Warnings);
        Assert.Equal(plan.Directory.Root, there.Directory.Root);
        Assert.Equal(plan.Run.Manifest(3, 2, [], null) with { Data = [], Shards = [] }, there.Manifest(3, 2, [], null) with { Data = [], Shards = [] });
    }
}
