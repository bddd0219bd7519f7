using Pipeline.Stages.Hyperdimensional;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Hyperdimensional;

public class HypervectorsTests
{
    private const int Dimensions = 10_000;

    /// <summary>"What is the dollar of Mexico?" (Kanerva 2010), as in torchhd's README: two records, one bound with the other, and with the dollar. Of
    /// nine products that are left in a bundle one is the peso: its cosine is 1/3.</summary>
    [Fact]
    public void The_dollar_of_Mexico_is_the_peso()
    {
        using var scope = NewDisposeScope();
        var memory = Symbols(9, 1);
        var symbols = memory.unbind(0);
        var (keys, states, mexican) = (symbols[..3], symbols[3..6], symbols[6..]);
        var (us, mexico) = (Record(keys, states), Record(keys, mexican));
        var cosines = Cosines(Hypervectors.Bind(Hypervectors.Bind(us, mexico), states[2]), memory);
        Assert.InRange(cosines[^1], 0.31, 0.35);   // torchhd's README has 0.3292
        // 1/sqrt(10,000) is the deviation of each.
        Assert.All(cosines[..^1], cosine => Assert.InRange(Math.Abs(cosine), 0, 0.025));

        static Tensor Record(Tensor[] keys, Tensor[] values) => Hypervectors.Bundle(keys.Zip(values, Hypervectors.Bind));
    }

    [Fact]
    public void A_bundle_is_like_its_members_and_a_pair_like_neither()
    {
        using var scope = NewDisposeScope();
        var memory = Symbols(3, 2);
        var symbols = memory.unbind(0);
        var bundle = Cosines(Hypervectors.Bundle(symbols[..2]), memory);
        Assert.Equal([1 / Math.Sqrt(2), 1 / Math.Sqrt(2), 0], bundle.Select(cosine => (double)cosine), (one, other) => Math.Abs(one - other) < 0.03);
        Assert.All(Cosines(Hypervectors.Bind(symbols[0], symbols[1]), memory), cosine => Assert.InRange(Math.Abs(cosine), 0, 0.04));
        Assert.Equal(symbols[1], Hypervectors.Bind(symbols[0], Hypervectors.Bind(symbols[0], symbols[1])));
    }

    [Fact]
    public void Permuted_it_is_another_and_back_the_same()
    {
        using var scope = NewDisposeScope();
        var memory = Symbols(1, 3);
        var turned = Hypervectors.Permute(memory, 2);
        Assert.Equal(memory[0, 0], turned[0, 2]);
        Assert.InRange(Math.Abs(Cosines(turned[0], memory)[0]), 0, 0.04);
        Assert.Equal(memory, Hypervectors.Permute(turned, -2));
    }

    [Fact]
    public void Symbols_are_signs_as_often_one_as_the_other()
    {
        using var scope = NewDisposeScope();
        var symbols = Symbols(10, 4);
        Assert.Equal(symbols.numel(), symbols.abs().eq(1).sum().item<long>());
        Assert.InRange(Math.Abs(symbols.mean().item<float>()), 0, 4 / Math.Sqrt(10 * Dimensions));
        Assert.Equal(symbols, Symbols(10, 4));
        Assert.NotEqual(symbols, Symbols(10, 5));
    }

    private static Tensor Symbols(int count, long seed)
    {
        using var symbols = new Parameter(new("symbols", [count, Dimensions], new RandomSigns()), seed, ScalarType.Float32, CPU);
        return symbols.Value.detach().clone();
    }

    private static float[] Cosines(Tensor vector, Tensor memory) => Hypervectors.Similarity(vector / vector.square().mean().sqrt(), memory).data<float>().ToArray();
}
