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

    /// <summary>Newer ones have taken its place when a node joins the run, or another has its coordinator.</summary>
    [Fact]
    public async Task A_run_that_was_resumed_needs_not_the_checkpoint_that_it_went_on_from()
    {
        await run.RunAsync("job.steps=4", "checkpoint.every=4");
        using var plan = run.Plan(true);
        var submitted = SubmittedRun.Of(Guid.NewGuid(), plan.Run);
        Directory.Delete(Path.Combine(run.Directory, "checkpoints"), recursive: true);
        Assert.Equal(plan.Run.Resumed, submitted.Open([new Gpt2()]).Resumed);
        Assert.Equal(4, plan.Run.Resumed!.Step);
    }
}
