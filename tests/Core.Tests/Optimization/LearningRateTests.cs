using CsCheck;
using Pipeline.Core.Jobs;
using Pipeline.Core.Optimization;

namespace Pipeline.Core.Tests.Optimization;

public class LearningRateTests
{
    // 0.5, 0.125 and powers of two, so that the corners are exact.
    private static readonly OptimizerSettings Settings =
        new(LearningRate: 0.5, MinLearningRate: 0.125, WarmupSteps: 8, DecaySteps: 24);

    [Theory]
    [InlineData(1, 0.0625)] // The first step already learns.
    [InlineData(2, 0.125)]
    [InlineData(7, 0.4375)]
    [InlineData(8, 0.5)] // The warm-up's last step,
    [InlineData(9, 0.5)] // and the cosine's first, which is its top.
    [InlineData(17, 0.3125)] // Half-way down.
    [InlineData(25, 0.125)] // The bottom,
    [InlineData(26, 0.125)] // where it stays.
    [InlineData(1_000_000, 0.125)]
    public void It_warms_up_falls_and_stays(long step, double rate) => Assert.Equal(rate, LearningRate.At(Settings, step), 1e-16);

    [Fact]
    public void The_last_step_of_the_decay_is_still_above_the_minimum() =>
        Assert.Equal(0.125 + (0.5 * (1 + Math.Cos(Math.PI * 15 / 16)) * 0.375), LearningRate.At(Settings, 24), 1e-16);

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(13, 0.3125)]
    [InlineData(25, 0.125)]
    public void Without_a_warm_up_it_starts_at_the_top(long step, double rate) =>
        Assert.Equal(rate, LearningRate.At(Settings with { WarmupSteps = 0 }, step), 1e-16);

    [Theory]
    [InlineData(23, 23 / 48.0)]
    [InlineData(24, 0.5)]
    [InlineData(25, 0.125)]
    public void A_warm_up_as_long_as_the_decay_falls_at_once(long step, double rate) =>
        Assert.Equal(rate, LearningRate.At(Settings with { WarmupSteps = 24 }, step), 1e-16);

    [Fact]
    public void It_is_nanoGPTs_formula() =>
        Gen.Select(Gen.Long[0, 50], Gen.Long[1, 50], Gen.Long[1, 200], Gen.Double[0, 1], Gen.Double[0, 1])
            .Sample((warmup, falling, step, one, other) =>
            {
                var (least, most) = (Math.Min(one, other), Math.Max(one, other));
                var settings = new OptimizerSettings(LearningRate: most, MinLearningRate: least, WarmupSteps: warmup, DecaySteps: warmup + falling);
                Assert.Equal(NanoGpt(warmup, warmup + falling, least, most, step - 1), LearningRate.At(settings, step), 1e-15);
            });

    /// <summary>get_lr of nanoGPT's train.py, which counts steps from 0.</summary>
    private static double NanoGpt(long warmup, long decay, double least, double most, long i)
    {
        if (i < warmup)
        {
            return most * (i + 1) / warmup;
        }

        if (i > decay)
        {
            return least;
        }

        var ratio = (double)(i - warmup) / (decay - warmup);
        return least + (0.5 * (1.0 + Math.Cos(Math.PI * ratio)) * (most - least));
    }
}
