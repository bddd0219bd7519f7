using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>Which folders are checkpoints, and of which step.</summary>
public sealed class CheckpointFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string[] Names => [.. Directory.EnumerateDirectories(folder.Path).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("step-00000100", 100, 100, false)]
    [InlineData("step-100", 100, 100, false)]
    [InlineData("step-123456789", 123456789, 123456789, false)]
    [InlineData("step-00000100.partial", null, 100, true)]
    [InlineData("step-00000100.0123abcd.partial", null, 100, true)]
    [InlineData("step-00000100.damaged", null, 100, false)]
    [InlineData("step-00000100.superseded.12", null, 100, false)]
    [InlineData("step-00000100.bak", null, null, false)]
    [InlineData("step-00000100.best", null, null, false)]
    [InlineData("step-00000100.damaged.bak", null, null, false)]
    [InlineData("step-00000100.mine.partial", null, null, false)]
    [InlineData("step-00000100 (copy)", null, null, false)]
    [InlineData("step-size-study", null, null, false)]
    [InlineData("step-", null, null, false)]
    [InlineData("step-99999999999999999999", null, null, false)]
    [InlineData("my-step-1", null, null, false)]
    public void A_name_tells_the_step_and_what_is_the_users_is_none(string name, int? step, int? named, bool unfinished)
    {
        Assert.Equal((step, named, unfinished), (CheckpointName.StepOf(name), CheckpointName.NamedStepOf(name + "/"), CheckpointName.IsUnfinished(name)));
        Directory.CreateDirectory(folder.File(name));
        Assert.Equal(named is not null, CheckpointFolder.IsCheckpoint(folder.File(name)));
        Assert.Equal(named is null ? [] : new[] { name }, CheckpointFolder.Entries(folder.Path).Select(entry => entry.Name));
        Directory.CreateDirectory(Path.Combine(folder.File(name), "checkpoints"));
        Assert.False(CheckpointFolder.IsCheckpoint(folder.File(name)));
    }

    /// <summary>Of more digits than eight the order of names is another.</summary>
    [Fact]
    public void The_users_copies_are_neither_counted_nor_removed_and_the_order_is_that_of_steps()
    {
        var store = new CheckpointStore(folder.Path, 9);
        foreach (var step in new[] { 99_999_999, 100_000_000, 7 })
        {
            Save(store, step);
        }

        SavedRun.Copy(folder.File("step-00000007"), folder.File("step-200000000.bak"));
        Assert.Equal([100_000_000L, 99_999_999L, 7L], CheckpointFolder.Entries(folder.Path).Select(entry => entry.Step!.Value));
        CheckpointPruning.Of(folder.Path, 1).Run();
        Assert.Equal(["step-100000000", "step-200000000.bak"], Names);
        Assert.Equal(7, Checkpoint.Open(folder.File("step-200000000.bak")).Manifest.Step);
    }

    [Fact]
    public void A_copy_under_the_name_of_another_step_is_passed_over()
    {
        Save(new(folder.Path, 9), 4);
        SavedRun.Copy(folder.File("step-00000004"), folder.File("step-00000008"));
        var sentence = $"{folder.File("step-00000008")} is named for step 8, but holds step 4; a copy must not have a checkpoint's name.";
        Assert.Equal((4L, sentence), SavedRun.Look(folder.Path) is var (step, reasons) ? (step!.Value, Assert.Single(reasons)) : default);
        Assert.Equal((8L, CheckpointState.Damaged, sentence), CheckpointEntry.Look(folder.File("step-00000008")) is var entry ? (entry.Step!.Value, entry.State, entry.Reason) : default);
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => Checkpoint.Find(folder.File("step-00000008/"))).Message);
    }

    private static void Save(CheckpointStore store, long step)
    {
        store.Begin(step);
        store.Complete(new(Manifest.CurrentFormat, step, 1, 1, "bytes", null, [], "", []));
    }
}
