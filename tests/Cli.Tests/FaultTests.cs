using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>Every kind of fault in runs of two real processes: it comes where it was asked for, and what it does not break is not changed by it.</summary>
public sealed class FaultTests : IDisposable
{
    private const int Steps = 14;

    private static readonly Lazy<IReadOnlyList<double?>> Undisturbed = new(() =>
    {
        using var tests = new FaultTests();
        var (code, _, errors) = Command.Run(tests.folder.Path, "train", "job.hocon");
        Assert.True(code == 0, errors);
        return tests.Losses();
    });

    private readonly TemporaryFolder folder = new();

    public FaultTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), $$"""
            job   { name = small, steps = {{Steps}}, directory = run }
            model { architecture = gpt2, layers = 4, width = 16, heads = 2, context = 16, dropout = 0.1 }
            data  { files = text.txt }
            batch { sequences = 8, micro-batches = 4 }
            parallel { stages = 2, split = even }
            evaluation { every = 0 }
            checkpoint { every = 2 }
            """);
    }

    public void Dispose() => folder.Dispose();

    /// <summary>The first six the run outlives as if they had not been; for three of the others it goes back, and one costs it a checkpoint.</summary>
    [Fact]
    public void Neither_what_heals_nor_what_breaks_changes_a_bit()
    {
        string[] faults =
        [
            "corrupt stage=0 step=2 phase=forward", "corrupt stage=1 step=3 phase=backward micro-batch=1", "corrupt stage=0 step=3 phase=commit",
            "slow stage=1 step=4 by=5", "freeze stage=1 step=5 phase=backward for=500ms", "freeze stage=0 step=6 phase=checkpoint for=500ms",
            "drop stage=1 step=8 phase=backward micro-batch=3", "corrupt stage=0 step=9 phase=forward twice=true", "fail stage=1 step=11 phase=forward",
            "fill-disk stage=0 step=12 phase=checkpoint",   // the last, for otherwise that checkpoint is written once more
        ];
        using var command = Start(faults);
        var (code, _, errors) = command.Finish();
        Assert.True(code == 0, errors);
        Assert.Equal(Undisturbed.Value, Losses());
        Assert.Equal(faults.Order(), Injected().Order());
        Assert.Equal(3, Kinds().Count(kind => kind == "recovery"));   // so none for what heals
        Assert.Contains("The checkpoint of step 12 could not be written, and the run goes on: ", File.ReadAllText(folder.File("run/events.jsonl")), StringComparison.Ordinal);
        Assert.Equal(["step-00000008", "step-00000010", "step-00000014"], Directory.EnumerateDirectories(folder.File("run/checkpoints")).Select(Path.GetFileName).Order());
        Assert.Equal(2, errors.Split("injected: freeze ").Length - 1);
        Assert.Contains(" arrived damaged", errors, StringComparison.Ordinal);   // told at most once a second
        Assert.Empty(command.Alive);
    }

    [Fact]
    public void A_step_with_a_number_gone_wrong_is_skipped_shown_and_counted()
    {
        using var command = Start("nan stage=1 step=3 phase=backward", "nan stage=0 step=5 phase=forward micro-batch=2");
        var (code, output, errors) = command.Finish();
        Assert.True(code == 0, errors);
        var losses = Losses();
        Assert.Equal([3, 5], Enumerable.Range(1, Steps).Where(step => losses[step - 1] is null));
        Assert.Equal(Undisturbed.Value.Take(2), losses.Take(2));
        Assert.Contains($"step 3/{Steps}  loss skipped (1 so far)", output, StringComparison.Ordinal);
        Assert.Contains($"step 5/{Steps}  loss skipped (2 so far)", output, StringComparison.Ordinal);
        Assert.Contains(", 2 steps skipped, ", output, StringComparison.Ordinal);
    }

    /// <summary>More often than there are spares, and processes: those that are killed are replaced.</summary>
    [Fact]
    public void The_run_goes_on_where_a_process_is_killed()
    {
        string[] faults =
        [
            "kill stage=0 step=2 phase=backward micro-batch=2", "kill stage=1 step=4 phase=ready", "kill stage=0 step=6 phase=commit",
            $"kill stage=1 step={Steps} phase=checkpoint",
        ];
        using var command = Start(["--set", "recovery.spares=1"], faults);
        var (code, _, errors) = command.Finish();
        Assert.True(code == 0, errors);
        Assert.Equal(faults.Order(), errors.Split('\n').Where(line => line.StartsWith("injected: ", StringComparison.Ordinal)).Select(line => line["injected: ".Length..]).Order());
        Assert.Equal(Undisturbed.Value, Losses());
        Assert.True(Kinds().Count(kind => kind == "recovery") >= faults.Length);
        Assert.Empty(command.Alive);
    }

    [Fact]
    public void In_a_run_of_one_process_a_frozen_stage_is_a_frozen_run()
    {
        var (code, _, errors) = Command.Run(folder.Path, "train", "job.hocon", "--inject", "freeze stage=1 step=3 phase=ready for=300ms");
        Assert.Equal((0, "injected: freeze stage=1 step=3 phase=ready for=300ms\n"), (code, errors));
        Assert.Equal(Undisturbed.Value, Losses());
        Assert.Equal(["freeze stage=1 step=3 phase=ready for=300ms"], Injected());
    }

    /// <summary>The other sentences are tested where they are made.</summary>
    [Fact]
    public void What_cannot_be_is_refused_before_anything_is_started()
    {
        var (code, output, errors) = Command.Run(folder.Path, "train", "job.hocon", "--inject", "drop stage=1 step=3");
        Assert.Equal(
            (2, "", "--inject \"drop stage=1 step=3 phase=forward\": stage 1 sends no other process anything; the run must be one of several processes, as with --processes 2.\n"),
            (code, output, errors));
        Assert.False(Directory.Exists(folder.File("run")));
    }

    private Command Start(params string[] faults) => Start([], faults);

    private Command Start(string[] options, string[] faults) =>
        Command.Start(folder.Path, ["train", "job.hocon", "--processes", "2", .. options, .. faults.SelectMany(fault => new[] { "--inject", fault })]);

    private IReadOnlyList<string?> Kinds() =>
        [.. File.ReadLines(folder.File("run/events.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("kind").GetString())];

    private IReadOnlyList<double?> Losses() =>
    [
        .. File.ReadLines(folder.File("run/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss"))
            .Select(loss => loss.ValueKind == JsonValueKind.Null ? (double?)null : loss.GetDouble()),
    ];

    /// <summary>The faults that were told, as they were asked for.</summary>
    private IReadOnlyList<string> Injected() =>
    [
        .. File.ReadLines(folder.File("run/events.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.GetProperty("kind").GetString() == "injected")
            .Select(line => line.GetProperty("message").GetString()!.Split(": ")[1].Split(", as ")[0]),
    ];
}
