using Pipeline.Core;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Runs;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>A coordinator that stood still while another took its run over is shut out: whatever it goes on to do, the run's files stay as the other one writes them.</summary>
public sealed class TakenOverTests : IDisposable
{
    private const int Every = 2;

    private readonly Guid secret = Guid.NewGuid();
    private readonly TestRun run = new();
    private readonly TrainingPlan plan;
    private readonly RunRecorder recorder;
    private readonly RunState state;
    private RunDirectory? next;

    /// <summary>Two steps are recorded, and the checkpoint of the second is half written.</summary>
    public TakenOverTests()
    {
        plan = run.Plan(false);
        plan.Directory.Continue("job", "schedule", 0, [], secret, 1);
        recorder = new(plan.Directory, new Unseen(), 0);
        state = new(plan.Run, recorder);
        recorder.Step(Step(1));
        recorder.Step(Step(2));
        recorder.Event("warning", "Before.");
        File.WriteAllText(Path.Combine(state.Checkpoints.Begin(2), "stage-0.safetensors"), "half");
    }

    public void Dispose()
    {
        recorder.Dispose();
        next?.Dispose();
        plan.Dispose();
        run.Dispose();
    }

    [Fact]
    public void The_records_that_were_there_are_the_new_ones()
    {
        TakeOver();
        Assert.Equal([1, 2], run.Metrics().Select(step => step.Step));
        Assert.Contains("Before.", File.ReadAllText(next!.Events), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(next.Checkpoints));
    }

    [Fact]
    public void Lines_that_are_written_late_are_in_no_file()
    {
        TakeOver();
        ChangesNothing(() =>
        {
            recorder.Step(Step(3));
            recorder.Event("warning", "Late.");
        });
    }

    [Fact]
    public void A_run_is_not_thrown_back()
    {
        TakeOver();
        ChangesNothing(() => Assert.Throws<RunTakenOverException>(() => recorder.RollBack(1)));
        ChangesNothing(() => Assert.Throws<RunTakenOverException>(plan.Directory.CheckOwner));
    }

    [Fact]
    public async Task A_checkpoint_does_not_come_about()
    {
        TakeOver();
        var before = Files();
        var written = await CheckpointCommit.WriteAsync(state, 1, 2, [], null);
        Assert.Equal((null, "Another coordinator has taken the run over; this one ends."), (written.Path, written.Problem));
        Assert.Throws<IOException>(() => state.Checkpoints.Complete(plan.Run.Manifest(2, 1, [], null)));   // nor had it asked before
        Assert.Equal(before, Files());
    }

    [Fact]
    public void No_summary_and_no_trace_are_written()
    {
        TakeOver();
        ChangesNothing(() =>
        {
            Assert.Throws<RunTakenOverException>(() => recorder.Summary(recorder.Summarize(plan.Run, "completed", null, default, null)));
            Assert.Throws<RunTakenOverException>(state.Meter.WriteTrace);
        });
    }

    [Fact]
    public void It_is_taken_over_by_the_same_run_in_a_newer_epoch_alone()
    {
        ChangesNothing(() =>
        {
            Assert.Throws<RunTakenOverException>(() => new RunDirectory(run.Directory).TakeOver(Guid.NewGuid(), 2));
            Assert.Throws<RunTakenOverException>(() => new RunDirectory(run.Directory).TakeOver(secret, 1));
        });
        plan.Directory.CheckOwner();
        TakeOver(9);
        ChangesNothing(() => Assert.Throws<RunTakenOverException>(() => new RunDirectory(run.Directory).TakeOver(secret, 9)));
        next!.CheckOwner();
    }

    /// <summary>The one that was replaced has files open all the while.</summary>
    [Fact]
    public void Another_run_is_kept_out_until_the_new_coordinator_is_done()
    {
        TakeOver();
        ChangesNothing(() => Assert.Throws<BadInputException>(() => new RunDirectory(run.Directory).Begin("", "")));
        next!.Dispose();
        using var another = new RunDirectory(run.Directory);
        another.Begin("", "");
        plan.Directory.Dispose();
        Assert.Throws<BadInputException>(() => new RunDirectory(run.Directory).Begin("", ""));
    }

    /// <summary>In the middle of a run, which ends by itself at the next thing that would change a file.</summary>
    [Fact]
    public async Task A_coordinator_that_goes_on_ends()
    {
        using var other = new TestRun();
        RunDirectory? taken = null;
        IReadOnlyList<(string, string)> files = [];
        other.OnStep = step =>
        {
            if (step.Step == 3)
            {
                taken = new(other.Directory);
                taken.TakeOver(Guid.Empty, 100);
                files = Files(other.Directory);
            }
        };
        await Assert.ThrowsAsync<RunTakenOverException>(() => other.RunAsync($"checkpoint.every={Every}", "parallel.stages=2"));
        Assert.Equal(2 * Every, other.Steps[^1].Step);
        Assert.Equal(files, Files(other.Directory));
        taken!.Dispose();
    }

    private static StepMetrics Step(long step) => new(step, 1, 5, false, null, 1, 0.001, 192, 0.01, 19200, 0.1, []);

    private void TakeOver(long epoch = 2)
    {
        next = new(run.Directory);
        next.TakeOver(secret, epoch);
    }

    private void ChangesNothing(Action late)
    {
        var before = Files();
        late();
        Assert.Equal(before, Files());
    }

    private IReadOnlyList<(string, string)> Files() => Files(run.Directory);

    /// <summary>Everything there is, but for the locks, which nobody can read while they are held.</summary>
    private static IReadOnlyList<(string, string)> Files(string directory) =>
    [
        .. Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => (path, Directory.Exists(path) || Path.GetFileName(path).StartsWith("run.lock", StringComparison.Ordinal) ? "" : Convert.ToHexString(File.ReadAllBytes(path)))),
    ];

    private sealed class Unseen : IRunObserver
    {
        public void Step(StepMetrics metrics)
        {
        }

        public void Event(RunEvent happened)
        {
        }
    }
}
