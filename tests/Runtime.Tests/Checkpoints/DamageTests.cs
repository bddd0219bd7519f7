using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>A real checkpoint, damaged in every way: it is never opened, and the newest good one is found, with the reason.</summary>
public sealed partial class DamageTests : IClassFixture<SavedRun>, IClassFixture<SavedReasoner>, IDisposable
{
    private const int Parts = 64;
    private const int Flips = 1000;

    private readonly TemporaryFolder folder = new();
    private readonly SavedReasoner reasoner;
    private readonly string newest;

    public DamageTests(SavedRun saved, SavedReasoner reasoner)
    {
        this.reasoner = reasoner;
        SavedRun.Copy(saved.Folder, folder.Path);
        newest = folder.File("step-00000006");
    }

    private string[] Files => [.. Directory.EnumerateFiles(newest, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private string ManifestFile => Path.Combine(newest, Manifest.FileName);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_is_whole_before_it_is_damaged()
    {
        Assert.Equal(["manifest.json", "stage-0.safetensors", "stage-1.safetensors"], Files.Select(Path.GetFileName));
        Assert.Equal((6L, 0), SavedRun.Look(folder.Path) is var (step, reasons) ? (step, reasons.Count) : default);
    }

    /// <summary>Pieces that replicas have, what sequences carry, averages, and a tokenizer.</summary>
    [Fact]
    public void There_is_one_with_everything_that_a_checkpoint_can_have()
    {
        Take(everything: true);
        Assert.Equal(
            ["manifest.json", "stage-0.replica-0.safetensors", "stage-0.replica-1.safetensors", "stage-1.replica-0.safetensors", "stage-1.replica-1.safetensors", "tokenizer/merges.txt", "tokenizer/tokenizer.json"],
            Files.Select(file => Path.GetRelativePath(newest, file)));
        var names = Manifest.Read(newest).Shards.SelectMany(shard => shard.Tensors).ToArray();
        Assert.Contains(names, name => name.StartsWith("carry.", StringComparison.Ordinal));
        Assert.Contains(names, name => name.StartsWith("ema.", StringComparison.Ordinal));
        Assert.Contains(names, name => name.StartsWith("optimizer.", StringComparison.Ordinal) && name.EndsWith(']'));
        Assert.Equal((6L, 0), SavedRun.Look(folder.Path) is var (step, reasons) ? (step, reasons.Count) : default);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_cut_short_anywhere_is_found(bool everything)
    {
        Take(everything);
        foreach (var file in Files)
        {
            var bytes = File.ReadAllBytes(file);
            for (var part = 0; part < Math.Min(Parts, bytes.Length); part++)
            {
                File.WriteAllBytes(file, bytes[..(int)((long)bytes.Length * part / Parts)]);
                AssertPassedOver(file, $"{file} cut at {part}/{Parts}");
            }

            File.WriteAllBytes(file, bytes);
        }

        Assert.Equal(6, SavedRun.Look(folder.Path).Step);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flipped_bit_anywhere_is_found(bool everything)
    {
        Take(everything);
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var contents = Files.ToDictionary(file => file, File.ReadAllBytes);
        for (var flip = 0; flip < Flips; flip++)
        {
            // As many in each file: the manifest is the smallest, and the most is to be understood wrongly in it.
            var (file, bytes) = contents.ElementAt(flip % contents.Count);
            var (place, bit) = (random.Next(bytes.Length), random.Next(8));
            bytes[place] ^= (byte)(1 << bit);
            File.WriteAllBytes(file, bytes);
            AssertPassedOver(file, $"seed {seed}, flip {flip}: bit {bit} of byte {place} of {file}");
            bytes[place] ^= (byte)(1 << bit);
            File.WriteAllBytes(file, bytes);
        }

        Assert.Equal(6, SavedRun.Look(folder.Path).Step);
    }

    [Fact]
    public void A_missing_file_is_found_and_one_more_does_no_harm()
    {
        foreach (var file in Files)
        {
            File.Move(file, folder.File("away"));
            AssertPassedOver(file, $"{file} is away");
            File.Move(folder.File("away"), file);
        }

        File.WriteAllText(Path.Combine(newest, "notes.txt"), "mine");
        Directory.CreateDirectory(Path.Combine(newest, "folder"));
        Assert.Equal(6, SavedRun.Look(folder.Path).Step);
    }

    [Fact]
    public void A_newer_format_is_passed_over_with_its_number()
    {
        // Whatever else the newer version writes.
        File.WriteAllText(ManifestFile, """{ "format": 3, "chapters": [] }""");
        var refusal = Assert.Throws<NewerFormatException>(() => Checkpoint.Open(newest));
        Assert.Equal($"{ManifestFile} has format 3, which a newer version of Pipeline has written; this version reads the formats 1 to 2.", refusal.Message);
        AssertPassedOver(ManifestFile, refusal.Message);
        Assert.Equal(CheckpointState.Newer, CheckpointEntry.Look(newest).State);
    }

    [Fact]
    public void A_manifest_of_format_1_which_had_no_hash_is_read()
    {
        MakeFormat1();
        Assert.Equal((1, 6L), Checkpoint.Open(newest).Manifest is var manifest ? (manifest.Format, manifest.Step) : default);
    }

    [Theory]
    [InlineData("\"format\": 1", "\"format\": 0", "has format 0; this version reads the formats 1 to 2.")]
    [InlineData("stage-0.safetensors", "../stage-0.safetensors", "names a shard that is not a plain file name.")]
    [InlineData("stage-0.safetensors", "..", "names a shard that is not a plain file name.")]
    [InlineData("stage-0.safetensors", "a\\\\b", "names a shard that is not a plain file name.")]
    [InlineData("stage-0.safetensors", "manifest.json", "names a shard that is not a plain file name.")]
    [InlineData("stage-0.safetensors", "stage\\u001b[2J-0.safetensors", "names a shard that is not a plain file name.")]
    [InlineData("\"wte.weight\"", "\"wte\\u001b[2J.weight\"", "has a control character in the name of a tensor or of the tokenizer.")]
    [InlineData("\"chars\"", "\"ch\\u009bars\"", "has a control character in the name of a tensor or of the tokenizer.")]
    [InlineData("\"step\": 6", "\"\\u001b\": 6, \"\\u001b\": 4", "cannot be read as a manifest, so it is damaged: ")]
    [InlineData("\"shards\": [", "\"shards\": [ null, ", "has a list with null in it.")]
    [InlineData("\"tensors\": [", "\"tensors\": [ null, ", "has a list with null in it.")]
    [InlineData("\"data\": [", "\"data\": [ null, ", "has a list with null in it.")]
    [InlineData("\"tokenizer_files\": null", "\"tokenizer_files\": [ null ]", "has a list with null in it.")]
    [InlineData("\"hugging_face\": null", "\"hugging_face\": { \"config\": \"\", \"tensors\": [ null ] }", "has a list with null in it.")]
    [InlineData("stage-0.safetensors", "stage-1.safetensors", "names the shard stage-1.safetensors twice.")]
    [InlineData("\"step\": 6", "\"step\": \"six\"", "cannot be read as a manifest, so it is damaged: ")]
    [InlineData("\"step\": 6", "\"step\": -6", "has a negative step, epoch or size.")]
    [InlineData("\"step\": 6", "\"step\": 6, \"step\": 4", "cannot be read as a manifest, so it is damaged: ")]
    [InlineData("\"wte.weight\"", "\"wte.height\"", "stage-0.safetensors has no tensor wte.height, which its manifest names.")]
    [InlineData("\"wte.weight\"", "\"wte.weight\", \"wte.weight\"", "has the tensor wte.weight twice.")]
    [InlineData("\"wte.weight\"", "\"wte.weight[0:7]\"", "stage-0.safetensors has no tensor wte.weight[0:7], which its manifest names.")]
    public void A_manifest_that_no_run_has_written_is_refused(string written, string planted, string sentence)
    {
        MakeFormat1();
        File.WriteAllText(ManifestFile, First(written).Replace(File.ReadAllText(ManifestFile), planted.Replace("$", "$$", StringComparison.Ordinal), 1));
        var refusal = Assert.Throws<BadInputException>(() => Checkpoint.Open(newest)).Message;
        Assert.Contains(sentence, refusal, StringComparison.Ordinal);
        Assert.DoesNotContain(refusal, char.IsControl);
        Assert.Equal((CheckpointState.Damaged, refusal), CheckpointEntry.Look(newest).Verify(out _) is var entry ? (entry.State, entry.Reason) : default);

        static Regex First(string text) => new(Regex.Escape(text));
    }

    /// <summary>Whatever the damage has made of it.</summary>
    [Fact]
    public void A_manifest_with_a_hash_is_compared_with_it_before_it_is_understood()
    {
        File.WriteAllText(ManifestFile, File.ReadAllText(ManifestFile).Replace("\"step\": 6", "\"step\": -6", StringComparison.Ordinal));
        AssertPassedOver(ManifestFile, "does not have the SHA-256 that its last line tells");
        Assert.EndsWith("does not have the SHA-256 that its last line tells: it is damaged.", SavedRun.Look(folder.Path).Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_without_end_is_not_read_to_its_end()
    {
        using (var file = new FileStream(ManifestFile, FileMode.Create))
        {
            file.SetLength(1L << 40);   // takes no place on the disk
        }

        Assert.Contains("is longer than 64 MiB", Assert.Throws<BadInputException>(() => Checkpoint.Open(newest)).Message, StringComparison.Ordinal);
    }

    private void MakeFormat1()
    {
        var text = File.ReadAllText(ManifestFile);
        File.WriteAllText(ManifestFile, OwnSum().Replace(text, "\n}\n").Replace("\"format\": 2", "\"format\": 1", StringComparison.Ordinal));
    }

    private void AssertPassedOver(string file, string damage)
    {
        var (step, reasons) = SavedRun.Look(folder.Path);
        Assert.True(step == 4, $"{damage}: step {step} was taken.");
        var missing = file == ManifestFile && !File.Exists(file);
        Assert.StartsWith(missing ? $"{newest} has no manifest.json" : $"{file} ", Assert.Single(reasons), StringComparison.Ordinal);
        Assert.True(missing || Reason().IsMatch(reasons[0][file.Length..]), $"{damage}: {reasons[0]}");
    }

    private void Take(bool everything)
    {
        if (everything)
        {
            Directory.Delete(folder.Path, recursive: true);
            SavedRun.Copy(reasoner.Folder, folder.Path);
        }
    }

    [GeneratedRegex(@"^ (is missing\.$|has \d+ bytes, not the \d+ of|does not have the SHA-256|cannot be read as a manifest, so it is damaged: .|has format \d+)")]
    private static partial Regex Reason();

    [GeneratedRegex(",\n  \"sha256\": \"[0-9a-f]{64}\"\n}\n$")]
    private static partial Regex OwnSum();
}
