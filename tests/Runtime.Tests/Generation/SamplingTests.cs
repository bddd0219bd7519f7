using Pipeline.Runtime.Generation;

namespace Pipeline.Runtime.Tests.Generation;

public class SamplingTests
{
    private const int Draws = 20_000;

    private static readonly float[] Logits = [0.5f, -1, 2, 0, 2.5f, -30, 1, 1];

    /// <summary>Pearson's statistic of 20,000 draws with a fixed seed, 7 degrees of freedom; 24.3 is exceeded once in a thousand seeds.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(0.5)]
    [InlineData(3)]
    public void Draws_follow_the_softmax_of_the_logits(double temperature)
    {
        var weights = Logits.Select(logit => Math.Exp(logit / temperature)).ToArray();
        AssertFollows(weights, new Sampling(temperature));
    }

    [Fact]
    public void Top_k_chooses_from_the_k_most_likely_alone() =>
        AssertFollows([0, 0, Math.Exp(2), 0, Math.Exp(2.5), 0, Math.Exp(1), 0], new Sampling(TopK: 3));   // of the two equal ones the first

    [Theory]
    [InlineData(0.05, 1)]
    [InlineData(0.43, 1)]   // the most likely has 0.435
    [InlineData(0.44, 2)]
    [InlineData(0.69, 2)]   // the two most likely have 0.698
    [InlineData(0.7, 3)]
    [InlineData(1, 8)]
    public void Top_p_chooses_from_the_fewest_that_add_up_to_p(double share, int count)
    {
        int[] order = [4, 2, 6, 7, 0, 3, 1, 5];
        var weights = Logits.Select((logit, id) => Array.IndexOf(order, id) < count ? Math.Exp(logit) : 0).ToArray();
        AssertFollows(weights, new Sampling(TopP: share));
    }

    /// <summary>As in Hugging Face's generation: top-p's share is of what temperature and top-k leave.</summary>
    [Fact]
    public void Top_p_comes_after_temperature_and_top_k() =>
        // At temperature 2 the two most likely have 0.79 of what the three have, but only 0.50 of what all have.
        AssertFollows([0, 0, Math.Exp(1), 0, Math.Exp(1.25), 0, 0, 0], new Sampling(2, 3, 0.6));

    [Fact]
    public void Temperature_0_takes_the_most_likely_and_of_equals_the_first()
    {
        Assert.All(Enumerable.Range(0, 100), position => Assert.Equal(4, new Sampling(0).Choose(Logits, 0, position)));
        Assert.Equal(1, new Sampling(0, 3, 0.5).Choose([0, 7, 7], 0, 0));
        Assert.All(Enumerable.Range(0, 100), position => Assert.Equal(4, new Sampling(1e-3).Choose(Logits, 0, position)));
        Assert.All(Enumerable.Range(0, 100), position => Assert.Equal(4, new Sampling(TopK: 1).Choose(Logits, 0, position)));
    }

    [Fact]
    public void Seed_prompt_and_position_decide()
    {
        var flat = new float[1000];
        var first = Choose(1, 0);
        Assert.Equal(first, Choose(1, 0));
        Assert.NotEqual(first, Choose(2, 0));
        Assert.NotEqual(first, Choose(1, 1));

        int[] Choose(long seed, int prompt) => [.. Enumerable.Range(0, 10).Select(position => new Sampling(Seed: seed).Choose(flat, prompt, position))];
    }

    [Theory]
    [InlineData(float.NaN, "the logit of token 1 is not a finite number")]
    [InlineData(float.PositiveInfinity, "the logit of token 1 is not a finite number")]
    public void Logits_that_are_no_numbers_are_told(float bad, string reason) =>
        Assert.Equal(reason, Assert.Throws<InvalidOperationException>(() => new Sampling(0).Choose([1, bad, 2], 0, 0)).Message);

    [Fact]
    public void A_token_without_probability_is_never_chosen()
    {
        float[] logits = [float.NegativeInfinity, 0, float.NegativeInfinity, -1];
        AssertFollows([0, 1, 0, Math.Exp(-1)], new Sampling(), logits);
        AssertFollows([0, 1, 0, Math.Exp(-1)], new Sampling(TopP: 1), logits);
    }

    /// <param name="weights">What the draws are to be in proportion to; what has 0 must not come.</param>
    private static void AssertFollows(double[] weights, Sampling sampling, float[]? logits = null)
    {
        var counts = new int[weights.Length];
        for (var position = 0; position < Draws; position++)
        {
            counts[sampling.Choose(logits ?? Logits, 3, position)]++;
        }

        var sum = weights.Sum();
        var statistic = 0.0;
        for (var id = 0; id < weights.Length; id++)
        {
            var expected = Draws * weights[id] / sum;
            if (weights[id] == 0)
            {
                Assert.Equal(0, counts[id]);
            }
            else if (expected > 1)   // the statistic is not for less
            {
                statistic += (counts[id] - expected) * (counts[id] - expected) / expected;
            }
        }

        Assert.InRange(statistic, 0, 24.3);
    }
}
