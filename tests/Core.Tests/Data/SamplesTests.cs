using CsCheck;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Tests.Data;

public sealed class SamplesTests : IDisposable
{
    private const int Context = 8;

    private static readonly TextDataSettings Text = new(["data"], ValidationFraction: 0.25);

    private static readonly JobFile Job = new(
        new JobSettings(Seed: 1),
        new Model(Context),
        Text,
        new BatchSettings(Sequences: 12, MicroBatches: 1),
        new ParallelSettings(),
        new OptimizerSettings(),
        new PrecisionSettings(),
        new EvaluationSettings(),
        new CheckpointSettings(),
        new RecoverySettings());

    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_has_the_same_sequences_however_it_is_cut_into_micro_batches(bool validation)
    {
        using var corpus = Numbers(1000);
        Gen.Select(Gen.Long[1, 1_000_000], Gen.Long, Gen.Bool).Sample((step, seed, targets) =>
        {
            var job = Job with { Job = Job.Job with { Seed = seed } };
            var whole = WholeStep(job, corpus, validation, step, targets);
            foreach (var microBatches in (int[])[2, 3, 4, 6, 12])
            {
                var cut = job with { Batch = job.Batch with { MicroBatches = microBatches } };
                Assert.Equal(whole, WholeStep(cut, corpus, validation, step, targets));
            }
        });
    }

    [Fact]
    public void Targets_are_the_inputs_one_token_on()
    {
        using var corpus = Numbers(1000);
        for (var step = 1; step <= 100; step++)
        {
            var inputs = WholeStep(Job, corpus, validation: false, step, targets: false);
            var targets = WholeStep(Job, corpus, validation: false, step, targets: true);
            Assert.Equal(inputs.Select(token => (token + 1) % 250), targets);
            Assert.All(inputs.Chunk(Context), row => Assert.Equal(Enumerable.Range(0, Context).Select(i => (row[0] + i) % 250), row));
        }
    }

    [Fact]
    public void Training_reads_all_of_its_part_and_none_of_validations_and_the_reverse()
    {
        // 75 tokens of training and 25 of validation, each its own number.
        using var corpus = Numbers(100);
        Assert.Equal(Enumerable.Range(0, 74).Select(token => (long)token), Seen(corpus, validation: false, targets: false));
        Assert.Equal(Enumerable.Range(1, 74).Select(token => (long)token), Seen(corpus, validation: false, targets: true));
        Assert.Equal(Enumerable.Range(75, 24).Select(token => (long)token), Seen(corpus, validation: true, targets: false));
        Assert.Equal(Enumerable.Range(76, 24).Select(token => (long)token), Seen(corpus, validation: true, targets: true));
    }

    [Fact]
    public void An_epoch_visits_every_window_once_in_another_order_than_the_next()
    {
        // 82 tokens of training: 9 windows of 8 tokens fit wherever the first begins.
        using var corpus = Numbers(109);
        var job = Job with { Batch = new BatchSettings(Sequences: 9, MicroBatches: 3) };
        var orders = new List<string>();
        for (var step = 1; step <= 20; step++)
        {
            var starts = WholeStep(job, corpus, validation: false, step, targets: false).Chunk(Context).Select(row => row[0]).ToArray();
            var first = starts.Min();
            Assert.InRange(first, 0, 9);
            Assert.Equal(Enumerable.Range(0, 9).Select(i => first + (i * Context)), starts.Order());
            orders.Add(string.Join(' ', starts.Select(start => start - first)));
        }

        Assert.Distinct(orders);
    }

    // Literals: a run that goes on after an update of Pipeline must see the data that it would have seen without it.
    [Fact]
    public void Sequences_are_the_same_for_ever()
    {
        using var corpus = Numbers(250);
        Assert.Equal("2 122 58 98 42 26 66 18 138 50 154 74", Starts(Job, corpus, validation: false, 1));
        Assert.Equal("237 205 197 221 229 213 213 221 197 205 189 229", Starts(Job, corpus, validation: true, 0));
    }

    [Fact]
    public void Step_seed_and_purpose_each_change_the_sequences()
    {
        using var corpus = Numbers(250);
        var everything = Job with { Data = Text with { ValidationFraction = 0.5 } };
        var other = everything with { Job = Job.Job with { Seed = 2 } };
        Assert.Distinct(
            (string[])
            [
                Starts(everything, corpus, validation: false, 1), Starts(everything, corpus, validation: false, 2),
                Starts(other, corpus, validation: false, 1), Starts(everything, corpus, validation: true, 1, from: 125),
            ]);
    }

    [Theory]
    [InlineData(11, 0.25, 100, false, "data.files: the validation part has 2 tokens, too few for model.context = 8; at least 9 are needed.")]
    [InlineData(11, 0.25, 0, true, "data.files: the validation part has 2 tokens, too few for model.context = 8; at least 9 are needed.")]
    [InlineData(11, 0.25, 0, false, null)] // Nobody asks for validation.
    [InlineData(8, 0, 0, false, "data.files: the training part has 8 tokens, too few for model.context = 8; at least 9 are needed.")]
    [InlineData(9, 0, 0, false, null)]
    [InlineData(35, 0.25, 1, false, "data.files: the validation part has 8 tokens, too few for model.context = 8; at least 9 are needed.")]
    [InlineData(36, 0.25, 1, false, null)]
    [InlineData(11, 0.9, 1, false, "data.files: the training part has 2 tokens, too few for model.context = 8; at least 9 are needed.")]
    public void A_part_has_at_least_one_sequence_and_its_last_target(int tokens, double fraction, long every, bool first, string? sentence)
    {
        using var corpus = Numbers(tokens);
        var job = Job with
        {
            Data = Text with { ValidationFraction = fraction },
            Evaluation = new EvaluationSettings(Every: every, BeforeFirstStep: first),
        };
        Assert.Equal(sentence, Record.Exception(() => new Samples(corpus, job))?.Message);
    }

    [Fact]
    public void Without_any_text_the_training_part_is_too_short()
    {
        folder.Write("data", "");
        using var corpus = folder.Open("chars", "*");
        Assert.Equal(
            "data.files: the training part has 0 tokens, too few for model.context = 8; at least 9 are needed.",
            Assert.Throws<BadInputException>(() => new Samples(corpus, Job)).Message);
    }

    [Fact]
    public void The_room_for_a_micro_batch_must_be_exactly_its_size()
    {
        using var corpus = Numbers(250);
        var samples = new Samples(corpus, Job with { Batch = new BatchSettings(Sequences: 12, MicroBatches: 4) });
        Assert.Equal((8, 3, 24), (samples.Context, samples.SequencesPerMicroBatch, samples.TargetsPerMicroBatch));
        Assert.Throws<ArgumentOutOfRangeException>(() => samples.Read(false, 1, 0, false, new long[23]));
        Assert.Throws<ArgumentOutOfRangeException>(() => samples.Read(false, 1, 0, false, new long[25]));
    }

    /// <summary>A corpus whose tokens count up, from 0 again after 249.</summary>
    private Corpus Numbers(int count)
    {
        folder.Write("data", [.. Enumerable.Range(0, count).Select(i => (byte)(i % 250))]);
        return folder.Open("bytes", "data");
    }

    private static long[] WholeStep(JobFile job, Corpus corpus, bool validation, long step, bool targets)
    {
        var samples = new Samples(corpus, job);
        var tokens = new long[Context * job.Batch.Sequences];
        for (var m = 0; m < job.Batch.MicroBatches; m++)
        {
            var size = (int)samples.TargetsPerMicroBatch;
            samples.Read(validation, step, m, targets, tokens.AsSpan(m * size, size));
        }

        return tokens;
    }

    private static IEnumerable<long> Seen(Corpus corpus, bool validation, bool targets) =>
        Enumerable.Range(1, 200).SelectMany(step => WholeStep(Job, corpus, validation, step, targets)).Distinct().Order();

    /// <summary>Where the step's sequences begin.</summary>
    private static string Starts(JobFile job, Corpus corpus, bool validation, long step, long from = 0) =>
        string.Join(' ', WholeStep(job, corpus, validation, step, targets: false).Chunk(Context).Select(row => row[0] - from));

    private sealed record Model(int Context) : ModelSettings("test", 1, 1, Context);
}
