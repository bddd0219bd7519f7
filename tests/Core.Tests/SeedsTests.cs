using CsCheck;

namespace Pipeline.Core.Tests;

public class SeedsTests
{
    // Literals: initial weights and the order of the data follow from these numbers, so they must never change.
    [Fact]
    public void Seeds_are_the_same_for_ever()
    {
        Assert.Equal(0x155d9b323d71d0d6UL, Seeds.Derive(1, "wte.weight"));
        Assert.Equal(0x7cfb76b762a6688bUL, Seeds.Derive(-7, ""));
        Assert.Equal(0xe4947568b3578368UL, Seeds.Derive(long.MinValue, "é"));
        Assert.Equal(0xd566645fa5adacb3UL, Seeds.Derive(1, 1, 0));
        Assert.Equal(0x547e305e6b19947dUL, Seeds.Derive(42, 1000000007, 11));
        Assert.Equal(0x604df49e9bf51172UL, Seeds.Derive(1, 2, 3, "h.0.attn"));
    }

    // Seeds that people choose are neighbours, and so are steps and items: none of these may cancel out.
    [Fact]
    public void Each_part_of_what_a_seed_is_for_changes_it()
    {
        ulong[] seeds =
        [
            .. from seed in Enumerable.Range(0, 10)
               from step in Enumerable.Range(0, 30)
               from item in Enumerable.Range(0, 30)
               select Seeds.Derive(seed, step, item),
            .. from seed in Enumerable.Range(0, 10)
               from step in Enumerable.Range(0, 10)
               from microBatch in Enumerable.Range(0, 10)
               from place in new[] { "a", "b", "ab" }
               select Seeds.Derive(seed, step, microBatch, place),
            .. from seed in Enumerable.Range(0, 100)
               from name in new[] { "", "a", "b", "ab", "ba", "A" }
               select Seeds.Derive(seed, name),
        ];
        Assert.Distinct(seeds);
    }

    [Fact]
    public void A_number_below_a_count_is_in_range_and_grows_with_what_it_is_made_of() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Long[1, long.MaxValue]).Sample((a, b, count) =>
        {
            var (low, high) = (Seeds.Below(Math.Min(a, b), count), Seeds.Below(Math.Max(a, b), count));
            return low >= 0 && low <= high && high < count;
        });

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(long.MaxValue)]
    public void The_first_and_the_last_number_are_reached(long count)
    {
        Assert.Equal(0, Seeds.Below(0, count));
        Assert.Equal(count - 1, Seeds.Below(ulong.MaxValue, count));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(3L << 61)] // A remainder would be below a third of this count twice as often as above.
    public void All_numbers_are_about_equally_likely(long count)
    {
        var inSixth = new int[6];
        for (var step = 0; step < 60_000; step++)
        {
            inSixth[(int)(Seeds.Below(Seeds.Derive(1, step, 0), count) / (count / 6))]++;
        }

        // Five standard deviations of a fair count of 10,000.
        Assert.All(inSixth, times => Assert.InRange(times, 10_000 - 457, 10_000 + 457));
    }
}
