using System.Numerics;
using Pipeline.Core;
using Pipeline.Stages.Transformer;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Transformer;

public class RotaryPositionsTests
{
    /// <summary>Element i and i + size/2 are a complex number, which turns by position * theta^(-2i/size).</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public void A_head_turns_as_the_formula_says(int first)
    {
        using var scope = NewDisposeScope();
        var (query, key) = (randn(2, 3, 4, 6), randn(2, 3, 2, 6));
        var (turnedQuery, turnedKey) = new RotaryPositions(new(Theta: 500), 6).Rotate(query, key, first);
        AssertTurned(query, turnedQuery);
        AssertTurned(key, turnedKey);

        void AssertTurned(Tensor before, Tensor after)
        {
            var (from, to, heads) = (before.data<float>().ToArray(), after.data<float>().ToArray(), (int)before.shape[2]);
            for (var at = 0; at < from.Length; at++)
            {
                var (element, token) = (at % 6, at / 6 / heads % 3);
                var (pair, start) = (element % 3, at - element);
                var turned = new Complex(from[start + pair], from[start + pair + 3])
                    * Complex.FromPolarCoordinates(1, (first + token) * Math.Pow(500, -2 * pair / 6.0));
                // An angle of a thousand radians has 2^-15 of rounding in float32.
                Assert.Equal(element < 3 ? turned.Real : turned.Imaginary, to[at], 5e-4);
            }
        }
    }

    [Fact]
    public void Only_the_distance_counts()
    {
        using var scope = NewDisposeScope();
        var (query, key) = (randn(1, 1, 1, 8), randn(1, 1, 1, 8));
        var rotary = new RotaryPositions(new(), 8);
        Assert.Equal(Product(7, 3), Product(107, 103), 1e-4);
        Assert.NotEqual(Product(7, 3), Product(7, 4), 1e-4);

        float Product(long first, long second) => (rotary.Rotate(query, key, first).Query * rotary.Rotate(query, key, second).Key).sum().item<float>();
    }

    [Fact]
    public void Linear_scaling_divides_positions() => Assert.Equal(
        new RotaryPositions(new(), 16).Frequencies.Select(frequency => frequency / 4), new RotaryPositions(new("linear", Factor: 4), 16).Frequencies);

    /// <summary>Llama 3.1's: by wave length, in double precision.</summary>
    [Fact]
    public void Llama3_scaling_divides_long_waves_alone()
    {
        var actual = new RotaryPositions(new("llama3", 500_000, 8, 1, 4, 8192), 128).Frequencies;
        var kinds = new HashSet<string>();
        for (var i = 0; i < 64; i++)
        {
            var frequency = Math.Pow(500_000, -i / 64.0);
            var wave = 2 * Math.PI / frequency;
            var smooth = ((8192 / wave) - 1) / (4 - 1);
            var (kind, expected) = wave < 8192 / 4.0 ? ("short", frequency)
                : wave > 8192 / 1.0 ? ("long", frequency / 8)
                : ("between", ((1 - smooth) * frequency / 8) + (smooth * frequency));
            kinds.Add(kind);
            Assert.Equal(expected, actual[i], 2e-6 * expected);
        }

        Assert.Equal(3, kinds.Count);
    }

    [Fact]
    public void An_unknown_type_is_refused() => Assert.Equal(
        "The rotary positions' type is yarn; it must be default, linear or llama3.",
        Assert.Throws<BadInputException>(() => new RotaryPositions(new("yarn"), 8)).Message);
}
