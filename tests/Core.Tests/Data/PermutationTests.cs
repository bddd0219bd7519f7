using CsCheck;
using Pipeline.Core.Data;

namespace Pipeline.Core.Tests.Data;

public class PermutationTests
{
    [Fact]
    public void Every_value_stands_somewhere_once() => Gen.Select(Gen.Long[1, 3000], Gen.Long).Sample((count, key) =>
        Assert.Equal(
            Enumerable.Range(0, (int)count).Select(value => (long)value),
            Enumerable.Range(0, (int)count).Select(position => Permutation.At(position, count, key)).Order()));

    [Fact]
    public void Keys_give_different_orders() => Assert.Distinct(
        Enumerable.Range(0, 200).Select(key => string.Join(' ', Enumerable.Range(0, 50).Select(position => Permutation.At(position, 50, key)))));

    /// <summary>Each value is as likely at the first place as any other: 10,000 keys, 10 values, five standard errors.</summary>
    [Fact]
    public void No_value_is_preferred()
    {
        var counts = Enumerable.Range(0, 10_000).CountBy(key => Permutation.At(0, 10, key)).ToDictionary();
        Assert.All(counts.Values, count => Assert.InRange(count, 1000 - 150, 1000 + 150));
        Assert.Equal(10, counts.Count);
    }

    [Fact]
    public void Counts_beyond_32_bits_work()
    {
        var count = (1L << 40) + 17;
        Assert.All(Enumerable.Range(0, 1000), position => Assert.InRange(Permutation.At(position, count, 3), 0, count - 1));
    }
}
