using System.Security.Cryptography;
using System.Text;
using Pipeline.Core.Data;
using Pipeline.Core.Data.Tasks;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Tests.Data.Tasks;

public class SequenceTasksTests
{
    public static TheoryData<DataSettings> Kinds =>
    [
        new RecallSettings(), new RecallSettings(Length: 128, Pairs: 16), new RecallSettings(Vocabulary: 40, Length: 32, Pairs: 8, Noise: false),
        new SelectiveCopyingSettings(), new SelectiveCopyingSettings(Length: 32), new InductionSettings(), new InductionSettings(3, 3),
        new SudokuSettings(), new SudokuSettings(9, Puzzles: 4),
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Tokens_are_in_the_vocabulary_and_every_sequence_has_the_same_number_of_targets(DataSettings data)
    {
        using var opened = data.Open(".");
        var samples = opened.Samples(TaskJob.Of(data));
        Assert.Equal((0, "none"), (opened.Files.Count, opened.Tokenizer));
        Assert.True(data.IsScored);
        foreach (var (inputs, targets) in Both(data, 20))
        {
            Assert.All(inputs, token => Assert.InRange(token, 0, opened.Vocabulary!.Value - 1));
            var real = targets.Where(target => target != Targets.Ignored).ToArray();
            Assert.Equal(samples.TargetsPerSequence, real.Length);
            Assert.All(real, token => Assert.InRange(token, 0, opened.Vocabulary!.Value - 1));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_sample_depends_on_seed_purpose_and_number_alone(DataSettings data)
    {
        var whole = Text(TaskJob.Step<long>(data, false, 3));
        Assert.Equal(whole, Text(TaskJob.Step<long>(data, false, 3)));
        Assert.Equal(whole, Text(TaskJob.Step<long>(data, false, 3, microBatches: 4)));
        Assert.Equal(whole, Text([.. Enumerable.Range(9, 4).SelectMany(step => TaskJob.Step<long>(data, false, step, sequences: 3))]));
        var others = (string[])[Text(TaskJob.Step<long>(data, false, 4)), Text(TaskJob.Step<long>(data, false, 3, seed: 2)), Text(TaskJob.Step<long>(data, true, 2))];
        Assert.All(others, other => Assert.NotEqual(whole, other));
    }

    [Fact]
    public void Each_row_may_be_of_another_batch()
    {
        var data = new RecallSettings();
        using var opened = data.Open(".");
        var samples = (ISamples<long>)opened.Samples(TaskJob.Of(data, sequences: 6, microBatches: 2));
        var (mixed, plain) = (new long[3 * 64], new long[3 * 64]);
        samples.Read(false, [5, 9, 2], 1, targets: false, mixed);
        foreach (var (row, batch) in (ReadOnlySpan<(int, long)>)[(0, 5), (1, 9), (2, 2)])
        {
            samples.Read(false, batch, 1, targets: false, plain);
            Assert.Equal(plain[(row * 64)..((row + 1) * 64)], mixed[(row * 64)..((row + 1) * 64)]);
        }
    }

    [Theory]
    [InlineData(256, 64, 4, true)]
    [InlineData(256, 128, 16, true)]
    [InlineData(40, 32, 8, false)]
    public void Recall_asks_once_for_the_value_of_each_key(int vocabulary, int length, int pairs, bool noise)
    {
        foreach (var (inputs, targets) in Both(new RecallSettings(vocabulary, length, pairs, Noise: noise), 50))
        {
            var values = inputs[..(2 * pairs)].Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);   // a key twice would throw
            Assert.All(values.Keys, key => Assert.InRange(key, 1, (vocabulary / 2) - 1));
            Assert.All(values.Values, value => Assert.InRange(value, vocabulary / 2, vocabulary - 1));
            Assert.Equal(pairs, values.Values.Distinct().Count());
            var queries = Enumerable.Range(0, length).Where(place => targets[place] != Targets.Ignored).ToArray();
            Assert.All(queries, place => Assert.True(place >= 2 * pairs && place % 2 == 0));
            Assert.All(queries, place => Assert.Equal(values[inputs[place]], targets[place]));
            Assert.Equal(values.Keys.Order(), queries.Select(place => inputs[place]).Order());
            if (!noise)
            {
                Assert.All(Enumerable.Range(2 * pairs, length - (2 * pairs)).Except(queries), place => Assert.Equal(0, inputs[place]));
            }
        }
    }

    /// <summary>One pair, so that the gap follows the law itself: 0.01 gap^-0.99 in proportion.</summary>
    [Theory]
    [InlineData(0.01)]
    [InlineData(1)]
    public void Gaps_of_recall_follow_the_power_law(double power)
    {
        const int Length = 22;
        const int Samples = 20_000;
        var counts = new double[(Length - 2) / 2];
        foreach (var (_, targets) in TaskJob.Step<long>(new RecallSettings(Length: Length, Pairs: 1, Power: power), false, 1, Samples))
        {
            counts[(Array.FindIndex(targets, target => target != Targets.Ignored) - 2) / 2]++;
        }

        var rates = Enumerable.Range(1, counts.Length).Select(gap => Math.Pow(gap, power - 1)).ToArray();
        for (var gap = 0; gap < counts.Length; gap++)
        {
            var expected = rates[gap] / rates.Sum();
            Assert.Equal(expected, counts[gap] / Samples, 5 * Math.Sqrt(expected / Samples));   // five standard deviations
        }
    }

    [Fact]
    public void Selective_copying_asks_for_the_tokens_in_their_order()
    {
        var places = new int[48];
        foreach (var (inputs, targets) in Both(new SelectiveCopyingSettings(Vocabulary: 8, Length: 64, Tokens: 16), 1000))
        {
            Assert.All(inputs[48..], token => Assert.Equal(7, token));
            Assert.All(inputs[..48], token => Assert.InRange(token, 0, 6));
            Assert.Equal(inputs[..48].Where(token => token != 0), targets[48..]);
            Assert.All(targets[..48], target => Assert.Equal(Targets.Ignored, target));
            for (var i = 0; i < 48; i++)
            {
                places[i] += inputs[i] != 0 ? 1 : 0;
            }
        }

        Assert.All(places, count => Assert.InRange(count / 2000.0, (1 / 3.0) - 0.053, (1 / 3.0) + 0.053));   // five standard deviations
    }

    [Fact]
    public void Induction_asks_for_what_followed_the_special_token()
    {
        var firsts = new HashSet<int>();
        foreach (var (inputs, targets) in Both(new InductionSettings(Vocabulary: 5, Length: 10), 100))
        {
            Assert.Equal(4, inputs[^1]);
            var first = Assert.Single(Enumerable.Range(0, 9), place => inputs[place] == 4);
            firsts.Add(first);
            Assert.Equal(inputs[first + 1], targets[^1]);
            Assert.All(targets[..^1], target => Assert.Equal(Targets.Ignored, target));
        }

        Assert.Equal(Enumerable.Range(0, 8), firsts.Order());
    }

    // Literals: a run that goes on after an update of Pipeline must see the data that it would have seen without it.
    [Theory]
    [InlineData("mqar", "c9beb7bb00d2d589")]
    [InlineData("selective-copying", "029402e02f671b1c")]
    [InlineData("induction", "dd1ec3af2aabda96")]
    [InlineData("sudoku", "52c37dd7524bc090")]
    public void Samples_are_the_same_for_ever(string kind, string hash)
    {
        var data = Kinds.Select(row => row.Data).First(data => data.Kind == kind);
        var text = Text([.. TaskJob.Step<long>(data, false, 1), .. TaskJob.Step<long>(data, true, 0)]);
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)))[..16]);
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_does_not_fit_is_said(DataSettings data, string problem) => Assert.Equal(problem, TaskJob.Problem(data));

    public static TheoryData<DataSettings, string> Wrong => new()
    {
        { new RecallSettings(Length: 63), "data.length must be even, not 63" },
        { new RecallSettings(Pairs: 17), "data.pairs must be at most a quarter of data.length, which is 64, not 17" },
        { new RecallSettings(Vocabulary: 9), "data.pairs must be less than half of data.vocabulary, which is 9, not 4" },
        { new SelectiveCopyingSettings(Tokens: 129), "data.tokens must be at most half of data.length, which is 256, not 129" },
        { new SudokuSettings(Size: 5), "data.size must be 4 or 9, not 5" },
        { new SudokuSettings(Holes: 13), "data.holes must be at most 12 when data.size is 4, not 13" },
        { new SudokuSettings(Puzzles: 13), "data.puzzles is for size 9, and data.size is 4" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_fits_is_taken(DataSettings data) => Assert.Null(TaskJob.Problem(data));

    private static IEnumerable<(long[] Inputs, long[] Targets)> Both(DataSettings data, int samples) =>
        TaskJob.Step<long>(data, false, 1, samples).Concat(TaskJob.Step<long>(data, true, 0, samples));

    private static string Text(IReadOnlyList<(long[] Inputs, long[] Targets)> step) =>
        string.Join('\n', step.Select(row => $"{string.Join(' ', row.Inputs)} : {string.Join(' ', row.Targets)}"));
}
