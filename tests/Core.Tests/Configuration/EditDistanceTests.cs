using CsCheck;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Tests.Configuration;

public class EditDistanceTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("steps", "step", 1)]
    [InlineData("wdith", "width", 1)]
    [InlineData("ab", "cd", 2)]
    public void Letters_added_dropped_replaced_or_swapped_count_one_each(string from, string to, int distance) =>
        Assert.Equal(distance, EditDistance.Between(from, to));

    [Fact]
    public void It_is_the_same_both_ways() =>
        Gen.Select(Gen.String[Gen.Char['a', 'd'], 0, 8], Gen.String[Gen.Char['a', 'd'], 0, 8])
            .Sample((a, b) => EditDistance.Between(a, b) == EditDistance.Between(b, a) && (EditDistance.Between(a, b) == 0) == (a == b));

    [Theory]
    [InlineData("micro-batchs", "micro-batches")]
    [InlineData("microBatches", "micro-batches")]
    [InlineData("SEQUENCES", "sequences")]
    [InlineData("sequence", "sequences")]
    [InlineData("zzz", null)]
    public void The_nearest_word_is_near_enough_to_be_meant(string word, string? nearest) =>
        Assert.Equal(nearest, EditDistance.Nearest(word, ["sequences", "micro-batches"]));
}
