using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>Whatever goes wrong while one is written, those that were there stay whole.</summary>
public sealed class CheckpointStoreTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly List<string> warnings = [];

    private string[] Names => NamesIn(folder.Path);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_dead_runs_left_is_removed_and_what_is_under_way_is_not()
    {
        Directory.CreateDirectory(folder.File("step-00000001.partial"));
        File.WriteAllText(folder.File("step-00000001.partial/stage-0.safetensors"), "half");
        Directory.CreateDirectory(folder.File("step-00000002.0123abcd.partial"));
        var store = new CheckpointStore(folder.Path, 3);
        var first = store.Begin(5);
        Assert.Equal([Path.GetFileName(first)], Names);
        var second = store.Begin(6);
        Assert.True(Directory.Exists(first) && Directory.Exists(second));
        Finish(store, 5, first);
        Finish(store, 6, second);
        Assert.Equal(["step-00000005", "step-00000006"], Names);
    }

    /// <summary>Who wakes up late from an earlier attempt finds its folder gone, and not the new one.</summary>
    [Fact]
    public void An_attempt_that_is_begun_again_has_another_folder()
    {
        var store = new CheckpointStore(folder.Path, 3);
        var first = store.Begin(5);
        var second = store.Begin(5);
        Assert.NotEqual(first, second);
        Assert.Throws<BadInputException>(() => Shard(first));
        Finish(store, 5, second);
        Assert.Equal(["step-00000005"], Names);
    }

    [Fact]
    public void What_is_given_up_leaves_nothing_and_cannot_be_completed()
    {
        var store = new CheckpointStore(folder.Path, 3);
        Save(store, 4);
        var shard = Shard(store.Begin(5));
        store.Abandon(5);
        store.Abandon(5);
        store.Abandon(77);
        Assert.Equal(
            "The checkpoint of step 5 cannot be written: it was not begun, or was given up",
            Assert.Throws<IOException>(() => store.Complete(Manifest(5, shard))).Message);
        Assert.Equal(["step-00000004"], Names);
    }

    [Fact]
    public void The_newest_are_kept_and_only_whole_ones_count()
    {
        var store = new CheckpointStore(folder.Path, 2);
        foreach (var step in new[] { 1, 2, 3, 4 })
        {
            Save(store, step);
        }

        Assert.Equal(["step-00000003", "step-00000004"], Names);
        File.Delete(folder.File("step-00000004/a.safetensors"));
        Save(store, 5);
        Assert.Equal(["step-00000003", "step-00000004", "step-00000005"], Names);
        Save(store, 6);
        Assert.Equal(["step-00000004", "step-00000005", "step-00000006"], Names);
    }

    [Fact]
    public void Later_ones_are_set_aside_by_what_they_are()
    {
        var store = new CheckpointStore(folder.Path, 9);
        foreach (var step in new[] { 1, 2, 3, 4 })
        {
            Save(store, step);
        }

        File.Delete(folder.File("step-00000003/manifest.json"));
        Assert.Equal(
            [
                "The checkpoint of step 4 is now step-00000004.damaged: the run goes on from step 1.",
                "The checkpoint of step 3 is now step-00000003.damaged: the run goes on from step 1.",
                "The checkpoint of step 2 is now step-00000002.superseded: the run goes on from step 1.",
            ],
            CheckpointStore.SetAsideAfter(folder.Path, 1, [folder.File("step-00000004")]));
        Save(store, 2);
        CheckpointStore.SetAsideAfter(folder.Path, 1, []);
        Assert.Equal(["step-00000001", "step-00000002.superseded", "step-00000002.superseded.1", "step-00000003.damaged", "step-00000004.damaged"], Names);
        Assert.Equal(CheckpointState.Superseded, CheckpointEntry.Look(folder.File("step-00000002.superseded.1")).State);
    }

    [Fact]
    public void A_step_that_is_written_again_takes_the_place_of_the_same_and_keeps_what_was_damaged()
    {
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 4);
        Save(store, 4);
        Assert.Equal(["step-00000004"], Names);
        File.WriteAllText(folder.File("step-00000004/manifest.json"), "{}");
        Save(store, 4);
        Assert.Equal(["step-00000004", "step-00000004.damaged"], Names);
        Assert.Equal(4, SavedRun.Look(folder.Path).Step);
    }

    [Fact]
    public void A_rename_that_is_impossible_leaves_the_others()
    {
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 4);
        File.WriteAllText(folder.File("step-00000005"), "in the way");
        var failure = Assert.Throws<IOException>(() => Save(store, 5));
        Assert.StartsWith("The checkpoint of step 5 cannot be written: ", failure.Message, StringComparison.Ordinal);
        Assert.Equal(4, SavedRun.Look(folder.Path).Step);
        Assert.Equal(["step-00000004"], Names);
        Save(store, 6);
        Assert.Equal(["step-00000006"], Names);
    }

    /// <summary>A stage on another machine wrote to storage that is not the same.</summary>
    [Fact]
    public void A_shard_that_is_not_there_or_has_another_size_is_no_checkpoint()
    {
        var store = new CheckpointStore(folder.Path, 1);
        var partial = store.Begin(5);
        var shard = Shard(partial);
        File.Delete(Path.Combine(partial, shard.File));
        Assert.EndsWith("a.safetensors is missing.", Assert.Throws<IOException>(() => store.Complete(Manifest(5, shard))).Message, StringComparison.Ordinal);
        shard = Shard(store.Begin(5));
        Assert.EndsWith(
            $"has {shard.Bytes} bytes, not the {shard.Bytes + 1} of its manifest.",
            Assert.Throws<IOException>(() => store.Complete(Manifest(5, shard with { Bytes = shard.Bytes + 1 }))).Message,
            StringComparison.Ordinal);
        Assert.Empty(Names);
    }

    [Fact]
    public void Old_ones_that_cannot_be_removed_are_a_warning()
    {
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 4);
        // What something is mounted at cannot be removed, not even by root.
        using var disk = new SmallDisk(64, folder.File("step-00000004/mount"));
        Save(store, 5);
        Assert.Equal(5, SavedRun.Look(folder.Path).Step);
        Assert.StartsWith("The checkpoint of step 4 is older than those to keep, but cannot be removed: ", Assert.Single(warnings), StringComparison.Ordinal);
    }

    /// <summary>A checkpoint may be withdrawn before it counts: none has gone for it.</summary>
    [Fact]
    public void Older_ones_stay_until_the_store_is_tidied()
    {
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 4);
        store.Complete(Manifest(5, Shard(store.Begin(5))));
        Assert.Equal(["step-00000004", "step-00000005"], Names);
        store.Withdraw(5);
        store.Withdraw(77);
        Assert.Equal(["step-00000004"], Names);
        Save(store, 6);
        Assert.Equal(["step-00000006"], Names);
    }

    /// <summary>The run has gone back before one that is damaged, though its size does not show it; or another coordinator has written it.</summary>
    [Fact]
    public void Later_ones_neither_count_nor_get_another_name()
    {
        Save(new(folder.Path, 9), 12);
        Flip("step-00000012/a.safetensors");
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 8);
        Assert.Equal(["step-00000008", "step-00000012"], Names);
        Save(store, 9);
        Assert.Equal(["step-00000009", "step-00000012"], Names);
    }

    [Fact]
    public void The_same_that_is_written_again_is_not_put_in_the_place()
    {
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 4);
        Finish(store, 4, store.Begin(4), epoch: 2);
        Assert.Equal((1L, 4L), Checkpoint.Open(folder.File("step-00000004")).Manifest is var same ? (same.Epoch, same.Step) : default);
        Finish(store, 4, store.Begin(4), epoch: 3, first: 1);
        Assert.Equal(3, Checkpoint.Open(folder.File("step-00000004")).Manifest.Epoch);
        Assert.Equal(["step-00000004"], Names);
        Flip("step-00000004/a.safetensors");
        Finish(store, 4, store.Begin(4), epoch: 4, first: 1);
        Assert.Equal(4, Checkpoint.Open(folder.File("step-00000004")).Manifest.Epoch);
        Assert.Equal(["step-00000004", "step-00000004.damaged"], Names);
    }

    [Fact]
    public void One_that_is_in_its_place_is_not_given_up_because_the_other_cannot_be_removed()
    {
        var store = new CheckpointStore(folder.Path, 1);
        Save(store, 4);
        using var disk = new SmallDisk(64, folder.File("step-00000004/mount"));
        Finish(store, 4, store.Begin(4), epoch: 2, first: 1);
        Assert.Equal(2, Checkpoint.Open(folder.File("step-00000004")).Manifest.Epoch);
        Assert.Equal(["step-00000004", "step-00000004.superseded"], Names);
        disk.Move(folder.File("step-00000004.superseded/mount"));
    }

    [Fact]
    public void What_cannot_be_removed_of_a_dead_run_stops_no_checkpoint()
    {
        Directory.CreateDirectory(folder.File("step-00000003.aaaa.partial"));
        using var disk = new SmallDisk(64, folder.File("step-00000001.partial/mount"));
        Save(new(folder.Path, 1), 5);
        Assert.Equal(["step-00000001.partial", "step-00000005"], Names);
    }

    [Fact]
    public void Of_a_link_only_the_link_is_removed()
    {
        using var elsewhere = new TemporaryFolder();
        Save(new(elsewhere.Path, 1), 4);
        File.CreateSymbolicLink(folder.File("step-00000004"), elsewhere.File("step-00000004"));
        Save(new(folder.Path, 1), 5);
        Assert.Empty(warnings);
        Assert.Equal(["step-00000005"], Names);
        Assert.Equal(4, SavedRun.Look(elsewhere.Path).Step);
    }

    [Fact]
    public void When_all_are_given_up_who_writes_at_one_comes_to_nothing()
    {
        var frozen = new CheckpointStore(folder.Path, 1);
        Save(frozen, 4);
        var (shard, other) = (Shard(frozen.Begin(5)), frozen.Begin(6));
        Directory.CreateDirectory(folder.File("mine.partial"));
        CheckpointStore.AbandonAll(folder.Path);
        Assert.Equal(["mine.partial", "step-00000004"], Names);
        Assert.Throws<BadInputException>(() => Shard(other));
        Assert.Throws<IOException>(() => frozen.Complete(Manifest(5, shard)));
        Assert.Equal(["mine.partial", "step-00000004"], Names);
        CheckpointStore.AbandonAll(folder.File("nowhere"));
    }

    [Fact]
    public void What_is_given_up_and_cannot_be_removed_is_when_the_next_begins()
    {
        var partial = new CheckpointStore(folder.Path, 1).Begin(5);
        using (var disk = new SmallDisk(64, Path.Combine(partial, "mount")))
        {
            CheckpointStore.AbandonAll(folder.Path);
            var left = Assert.Single(CheckpointFolder.Entries(folder.Path));
            Assert.NotEqual(partial, left.Path);
            Assert.Equal(CheckpointState.Partial, left.State);
            disk.Move(Path.Combine(left.Path, "mount"));
        }

        Save(new(folder.Path, 1), 6);
        Assert.Equal(["step-00000006"], Names);
    }

    [Fact]
    public void A_damaged_file_of_the_tokenizer_is_not_carried_on()
    {
        File.WriteAllText(folder.File("tokenizer.json"), "{}");
        var store = new CheckpointStore(folder.Path, 9);
        var partial = store.Begin(4);
        var files = TokenizerFiles.Copy(folder.Path, Path.Combine(partial, TokenizerFiles.Folder));
        var before = store.Complete(Manifest(4, Shard(partial)) with { TokenizerFiles = files });
        var after = store.Complete(Manifest(5, Shard(store.Begin(5))) with { TokenizerFiles = files }, before);
        Assert.Equal(5, Checkpoint.Open(after).Manifest.Step);
        File.WriteAllText(Path.Combine(after, "tokenizer", "tokenizer.json"), "[]");
        Assert.Equal(
            $"The checkpoint of step 6 cannot be written: {Path.Combine(after, "tokenizer", "tokenizer.json")} does not have the SHA-256 of its manifest: it is damaged.",
            Assert.Throws<IOException>(() => store.Complete(Manifest(6, Shard(store.Begin(6))) with { TokenizerFiles = files }, after)).Message);
        Assert.Equal(["step-00000004", "step-00000005"], Names);
    }

    [Fact]
    public void A_manifest_that_could_not_be_read_again_is_not_written()
    {
        var store = new CheckpointStore(folder.Path, 9);
        var manifest = Manifest(5, Shard(store.Begin(5))) with { Job = new string('x', 64 << 20) };
        Assert.Equal(
            "The checkpoint of step 5 cannot be written: manifest.json would be longer than 64 MiB, which is the most that is read again.",
            Assert.Throws<IOException>(() => store.Complete(manifest)).Message);
        Assert.Empty(Names);
    }

    [Fact]
    public void A_full_disk_leaves_the_others_and_there_is_a_next_time()
    {
        using var disk = new SmallDisk(256);
        var store = new CheckpointStore(Path.Combine(disk.Path, "checkpoints"), 3);
        Save(store, 4);
        var shard = Shard(store.Begin(5));
        disk.Fill();
        Assert.StartsWith(
            "The checkpoint of step 5 cannot be written: ", Assert.Throws<IOException>(() => store.Complete(Manifest(5, shard))).Message, StringComparison.Ordinal);
        Assert.Equal(4, SavedRun.Look(Path.Combine(disk.Path, "checkpoints")).Step);
        Assert.Equal(["step-00000004"], NamesIn(Path.Combine(disk.Path, "checkpoints")));
        disk.Fill();   // what was given up has left some room
        var full = Record.Exception(() => Shard(store.Begin(6)));
        Assert.True(full is IOException or BadInputException, $"{full}");
        Assert.Contains("No space left on device", full.Message, StringComparison.Ordinal);
        store.Abandon(6);
        disk.Free();
        Save(store, 7);
        Assert.Equal(7, SavedRun.Look(Path.Combine(disk.Path, "checkpoints")).Step);
    }

    [Fact]
    public void A_read_only_disk_is_read_and_refused_for_writing()
    {
        using var disk = new SmallDisk(256);
        var run = Path.Combine(disk.Path, "run");
        var checkpoints = Path.Combine(run, "checkpoints");
        Save(new(checkpoints, 3), 4);
        File.WriteAllText(Path.Combine(run, "run.lock"), "");
        disk.MakeReadOnly();
        Assert.Equal(4, SavedRun.Look(checkpoints).Step);
        var store = new CheckpointStore(checkpoints, 3);
        Assert.StartsWith("The checkpoint of step 5 cannot be written: ", Assert.Throws<IOException>(() => store.Begin(5)).Message, StringComparison.Ordinal);
        store.Abandon(5);
        using var directory = new RunDirectory(run);
        Assert.Matches("^job.directory: Read-only file system", Assert.Throws<BadInputException>(() => directory.Continue("", "", 4, [])).Message);
        Assert.Matches($"^{run} cannot be changed: Read-only file system", Assert.Throws<BadInputException>(directory.KeepRunsOut).Message);
    }

    private void Save(CheckpointStore store, long step) => Finish(store, step, store.Begin(step));

    private void Finish(CheckpointStore store, long step, string partial, long epoch = 1, float first = 0)
    {
        var shard = Shard(partial, first);
        Assert.EndsWith($"step-{step:D8}", store.Complete(Manifest(step, shard) with { Epoch = epoch }), StringComparison.Ordinal);
        warnings.AddRange(store.Tidy());
    }

    private void Flip(string file)
    {
        var bytes = File.ReadAllBytes(folder.File(file));
        bytes[^1] ^= 1;
        File.WriteAllBytes(folder.File(file), bytes);
    }

    private static Shard Shard(string partial, float first = 0)
    {
        using var value = arange(first, first + 256, float32);
        var written = SafeTensorsWriter.Write(Path.Combine(partial, "a.safetensors"), [("a", value)]);
        return new("a.safetensors", written.Bytes, written.Sha256, ["a"]);
    }

    private static Manifest Manifest(long step, Shard shard) =>
        new(Pipeline.Runtime.Checkpoints.Manifest.CurrentFormat, step, 1, 1, "bytes", null, [], "", [shard]);

    private static string[] NamesIn(string folder) => [.. Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
