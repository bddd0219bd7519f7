using System.Text.Json;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Recovery;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;

namespace Pipeline.Runtime.Tests.Coordination;

/// <summary>A run of six steps with checkpoints of 2, 4 and 6, which goes on after something was lost.</summary>
public sealed class RestorePointTests : IAsyncLifetime
{
    private static readonly string[] Settings = ["job.steps=6", "checkpoint.every=2", "parallel.stages=2"];

    private static readonly Seat[] Seats = [new(0, "cpu"), new(0, "cpu")];

    private readonly TestRun run = new();
    private readonly List<IDisposable> open = [];

    public async ValueTask InitializeAsync() => Assert.Equal("completed", (await run.RunAsync(Settings)).Outcome);

    public ValueTask DisposeAsync()
    {
        open.ForEach(one => one.Dispose());
        run.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void The_newest_that_is_whole_counts_and_what_is_damaged_is_set_aside()
    {
        var state = State(run.Plan(false, Settings));
        Damage(6);
        Assert.Equal((4, Of(4)), At(RestorePoint.Of(state, Holding(), Seats)));
        Assert.Equal((4, Of(4)), (state.LastSaved, state.LastCheckpoint));
        Assert.Equal(["step-00000002", "step-00000004", "step-00000006.damaged"], Folders());
        Assert.Contains(run.Events, happened => happened.Message.StartsWith("A checkpoint was passed over: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(5, true, 5)]
    [InlineData(3, true, 4)]
    [InlineData(6, false, 6)]
    [InlineData(5, false, 6)]
    public void The_memory_of_processes_counts_where_it_is_newer_than_the_newest_whole(long held, bool isDamaged, long expected)
    {
        var state = State(run.Plan(false, Settings));
        if (isDamaged)
        {
            Damage(6);
        }

        var point = RestorePoint.Of(state, Holding(held), Seats);
        Assert.Equal((expected, held == expected), (point.Step, point.Sources is not null));
        Assert.Equal(isDamaged ? 4 : 6, state.LastSaved);
    }

    [Fact]
    public void A_snapshot_that_one_worker_lacks_does_not_count()
    {
        var hosts = Holding(6);
        hosts[0].Held = [new(0, 6)];
        Assert.Equal((6, Of(6)), At(RestorePoint.Of(State(run.Plan(false, Settings)), hosts, Seats)));
    }

    [Fact]
    public void A_checkpoint_that_the_records_do_not_reach_is_set_aside()
    {
        run.Cut(5);
        Assert.Equal((4, Of(4)), At(RestorePoint.Of(State(run.Plan(false, Settings)), Holding(), Seats)));
        Assert.Equal(["step-00000002", "step-00000004", "step-00000006.superseded"], Folders());
    }

    [Fact]
    public void A_run_that_nothing_is_left_of_begins_again()
    {
        var state = State(run.Plan(false, Settings));
        Array.ForEach([2, 4, 6], Damage);
        Assert.Equal((0, null), At(RestorePoint.Of(state, Holding(), Seats)));
        Assert.Equal((-1, null), (state.LastSaved, state.LastCheckpoint));
        Assert.Equal("There is no checkpoint yet.", state.LastCheckpointSentence);
    }

    [Fact]
    public async Task A_run_that_went_on_from_another_ones_checkpoint_goes_back_to_that_and_ends_where_it_is_gone_too()
    {
        using var branch = new TestRun();
        string[] longer = [.. Settings, "job.steps=8"];
        await branch.ResumeFromAsync(Of(4), longer);
        var state = State(branch.Plan(Of(4), longer));
        foreach (var checkpoint in Directory.GetDirectories(Path.Combine(branch.Directory, "checkpoints")))
        {
            Directory.Delete(checkpoint, recursive: true);
        }

        Assert.Equal((4, Of(4)), At(RestorePoint.Of(state, Holding(), Seats)));
        Directory.Delete(Of(4), recursive: true);
        state.Recorder.RollBack(7);
        Assert.StartsWith(
            "No state is left that the run could go on from: ",
            Assert.Throws<NothingLeftException>(() => RestorePoint.Of(state, Holding(), Seats)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The stages' vectors come from the checkpoint, and what the coordinator knows of them must too.</summary>
    [Fact]
    public async Task The_state_of_lbfgs_is_that_of_the_checkpoint()
    {
        string[] settings = [.. Settings, "optimizer={kind=lbfgs,learning-rate=1,warmup-steps=0,history=4}"];
        await run.RunAsync(settings);
        var state = State(run.Plan(false, settings));
        Assert.False(state.Remembers(6));
        Damage(6);
        Assert.Equal(4, RestorePoint.Of(state, Holding(6), Seats).Step);
        Assert.Equal(JsonSerializer.Serialize(Manifest.Read(Of(4)).Lbfgs), JsonSerializer.Serialize(state.OptimizerAt(4)!.State));
        Assert.True(state.OptimizerAt(4)!.State.Pairs > 0);
    }

    private static (long, string?) At(RestorePoint point) => (point.Step, point.Checkpoint);

    /// <summary>A process that has snapshots of both workers.</summary>
    private static IReadOnlyList<RunHost> Holding(params long[] steps) =>
        [new(new(0, Akka.Actor.ActorRefs.Nobody, "node", 1, ["cpu"], null)) { Held = [.. steps.SelectMany(step => new HeldSnapshot[] { new(0, step), new(1, step) })] }];

    /// <summary>As a coordinator has it that takes the run over.</summary>
    private RunState State(TrainingPlan plan)
    {
        var recorder = new RunRecorder(plan.Directory, run.Watch(), plan.Run.Resumed?.Step ?? 0, takesOver: true);
        open.AddRange([plan, recorder]);
        var state = new RunState(plan.Run, recorder);
        if (CheckpointFolder.Finished(plan.Directory.Checkpoints) is [var newest, ..])
        {
            state.Saved(newest.Step, newest.Path);
        }

        return state;
    }

    private string Of(long step) => Path.Combine(run.Directory, "checkpoints", $"step-{step:D8}");

    private IEnumerable<string?> Folders() => Directory.EnumerateDirectories(Path.Combine(run.Directory, "checkpoints")).Select(Path.GetFileName).Order();

    private void Damage(int step) => File.AppendAllText(Path.Combine(Of(step), "stage-0.safetensors"), "x");
}
