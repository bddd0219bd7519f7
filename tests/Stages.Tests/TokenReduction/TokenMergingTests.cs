using Pipeline.Stages.TokenReduction;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.TokenReduction;

public class TokenMergingTests
{
    [Theory]
    [InlineData(8, 0)]
    [InlineData(8, 3)]
    [InlineData(8, 4)]
    [InlineData(9, 1)]
    [InlineData(9, 4)]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    public void It_is_its_definition_token_by_token(int length, int merged)
    {
        using var scope = NewDisposeScope();
        var (metric, tokens) = (randn(3, length, 5), randn(3, length, 4));
        var merging = TokenMerging.Match(metric, merged);
        var means = merging.Merge(tokens);
        Assert.Equal([3, length - merged, 4], means.shape);
        var back = merging.Unmerge(means);
        for (var sequence = 0; sequence < 3; sequence++)
        {
            var groups = Groups(metric[sequence], merged);
            Assert.Equal(groups.Select(group => (float)group.Count).Order(), merging.Sizes[sequence].data<float>().ToArray().Order());
            foreach (var group in groups)
            {
                var mean = stack(group.Select(token => tokens[sequence, token])).mean([0]);
                Assert.All(group, token => Assert.InRange(ModelRun.Distance(mean, back[sequence, token]), 0, 1e-6));
            }
        }
    }

    [Fact]
    public void Tokens_that_are_alike_come_back_as_they_were()
    {
        using var scope = NewDisposeScope();
        var tokens = randn(2, 6, 5).repeat_interleave(2, 1);
        var merging = TokenMerging.Match(tokens * (rand(2, 12, 1) + 0.5), 6);   // however long they are
        Assert.InRange(ModelRun.Distance(tokens, merging.Unmerge(merging.Merge(tokens))), 0, 1e-6);
        Assert.Equal(0, ModelRun.Distance(merging.Sizes, full_like(merging.Sizes, 2)));
    }

    /// <summary>Nothing may depend on what an operator does with equal numbers.</summary>
    [Fact]
    public void Of_what_is_equally_alike_the_first_is_merged()
    {
        using var scope = NewDisposeScope();
        var merging = TokenMerging.Match(ones(1, 100, 3), 20);
        Assert.Equal([21, .. Enumerable.Repeat(1f, 79)], merging.Sizes[0].data<float>().ToArray());
        var group = merging.Merge(arange(100, float32).view(1, 100, 1))[0, 0].item<float>();
        Assert.Equal((Enumerable.Range(0, 20).Sum(pair => 2 * pair) + 1) / 21f, group, 1e-5);
        Assert.False(TokenMerging.Match(zeros(1, 4, 3), 1).Sizes.isnan().any().item<bool>());
    }

    [Fact]
    public void A_gradient_goes_to_all_that_were_merged()
    {
        using var scope = NewDisposeScope();
        var (metric, tokens, weights) = (randn(2, 7, 3), randn(2, 7, 4).requires_grad_(true), randn(2, 7, 4));
        var merging = TokenMerging.Match(metric.requires_grad_(true), 3);
        (merging.Unmerge(merging.Merge(tokens)) * weights).sum().backward();
        // The map is symmetric: what comes back to a token is the mean over its group.
        using var noGradient = no_grad();
        Assert.InRange(ModelRun.Distance(merging.Unmerge(merging.Merge(weights)), tokens.grad!), 0, 1e-6);
        Assert.Null(metric.grad);
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(4, -1)]
    public void No_more_than_half_is_merged(int length, int merged)
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenMerging.Match(ones(1, length, 2), merged));
    }

    private static List<List<int>> Groups(Tensor metric, int merged)
    {
        var length = (int)metric.shape[0];
        var groups = Enumerable.Range(0, length).ToDictionary(token => token, token => new List<int> { token });
        var pairs = Enumerable.Range(0, length).Where(token => token % 2 == 0 && length > 1)
            .Select(token => Enumerable.Range(0, length).Where(other => other % 2 == 1)
                .Select(other => (Token: token, Other: other, Cosine: nn.functional.cosine_similarity(metric[token], metric[other], 0).item<float>()))
                .MaxBy(pair => pair.Cosine))
            .OrderByDescending(pair => pair.Cosine);
        foreach (var (token, other, _) in pairs.Take(merged))
        {
            groups[other].Add(token);
            groups.Remove(token);
        }

        return [.. groups.Values];
    }
}
