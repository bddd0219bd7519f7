using CsCheck;
using Pipeline.Core.Optimization;

namespace Pipeline.Core.Tests.Optimization;

public class GradientClipTests
{
    [Fact]
    public void The_norm_is_the_root_of_all_squares() =>
        Assert.Equal(5, GradientClip.Norm([KeyValuePair.Create("a", 9.0), KeyValuePair.Create("b", 16.0)]));

    [Fact]
    public void Without_parameters_the_norm_is_zero() => Assert.Equal(0, GradientClip.Norm([]));

    [Fact]
    public void The_order_in_which_stages_report_does_not_change_a_bit() =>
        Gen.Select(Gen.Double[0, 1].Array[2, 60], Gen.Int.NonNegative).Sample((squares, seed) =>
        {
            var named = squares.Select((square, i) => KeyValuePair.Create($"h.{i}.weight", square * Math.Pow(10, i % 7))).ToArray();
            var norm = GradientClip.Norm(named);
            new Random(seed).Shuffle(named);
            Assert.Equal(BitConverter.DoubleToInt64Bits(norm), BitConverter.DoubleToInt64Bits(GradientClip.Norm(named)));
        });

    [Fact]
    public void Squares_are_added_in_the_ordinal_order_of_names()
    {
        // A 1 is lost when it is added to 2^53; sixteen of them count when they are added first. Capitals come before small letters.
        var big = Math.Pow(2, 53);
        var ones = Enumerable.Range(0, 16).Select(i => KeyValuePair.Create($"M.{i}", 1.0)).ToArray();
        Assert.Equal(Math.Sqrt(big + 16), GradientClip.Norm([KeyValuePair.Create("a", big), .. ones]));
        Assert.Equal(Math.Sqrt(big), GradientClip.Norm([.. ones, KeyValuePair.Create("A", big)]));
        Assert.NotEqual(Math.Sqrt(big), Math.Sqrt(big + 16));
    }

    /// <summary>Pieces of a parameter that replicas have; the reports that they are in are ordered by worker, not by arrival.</summary>
    [Fact]
    public void Squares_of_one_name_are_added_in_the_order_given()
    {
        var big = Math.Pow(2, 53);
        var ones = Enumerable.Range(0, 16).Select(_ => KeyValuePair.Create("b", 1.0)).ToArray();
        Assert.Equal(Math.Sqrt(big + 16), GradientClip.Norm([.. ones, KeyValuePair.Create("b", big), KeyValuePair.Create("a", 0.0)]));
        Assert.Equal(Math.Sqrt(big), GradientClip.Norm([KeyValuePair.Create("b", big), .. ones, KeyValuePair.Create("a", 0.0)]));
    }

    [Theory]
    [InlineData(0.5, 1, 1)] // Below the limit nothing changes.
    [InlineData(0, 1, 1)]
    [InlineData(4, 1, 1 / (4 + 1e-6))]
    [InlineData(1, 1, 1 / (1 + 1e-6))] // As torch.nn.utils.clip_grad_norm_, whose factor is just below 1 at the limit.
    [InlineData(4, 0, 1)] // 0 turns clipping off.
    [InlineData(double.PositiveInfinity, 1, 0)]
    [InlineData(double.NaN, 1, double.NaN)]
    public void The_factor_brings_the_norm_down_to_the_limit(double norm, double limit, double factor) =>
        Assert.Equal(factor, GradientClip.Factor(norm, limit));
}
