using CsCheck;
using Pipeline.Core.Optimization;

namespace Pipeline.Core.Tests.Optimization;

public class LossSpikesTests
{
    /// <summary>A loss that falls with noise, as training gives it.</summary>
    private static Gen<double[]> Calm { get; } = Gen.Select(Gen.Int.NonNegative, Gen.Double[0.1, 10], Gen.Double[0, 0.05]).Select((seed, scale, noise) =>
    {
        var random = new Random(seed);
        return Enumerable.Range(1, 300).Select(step => scale * (1 + (4 / Math.Sqrt(step)) + (noise * Normal(random)))).ToArray();
    });

    [Fact]
    public void A_run_whose_loss_falls_with_noise_has_no_spike() =>
        Calm.Sample(losses => Assert.All(Watch(new(), losses), spike => Assert.Null(spike)));

    [Fact]
    public void A_loss_that_leaps_is_told_once_with_the_median_before_it() =>
        Gen.Select(Calm, Gen.Int[21, 250], Gen.Int[1, 20]).Sample((losses, at, length) =>
        {
            for (var i = at; i < at + length; i++)
            {
                losses[i] *= 4;
            }

            var told = Watch(new(), losses);
            Assert.Equal([at], told.Index().Where(entry => entry.Item is not null).Select(entry => entry.Index));
            var before = losses[Math.Max(0, at - 50)..at].Order().ToArray();
            Assert.Equal((before[(before.Length - 1) / 2] + before[before.Length / 2]) / 2, told[at]);
        });

    [Fact]
    public void Nothing_is_said_of_the_first_20_losses() =>
        Assert.Equal([20], Enumerable.Range(1, 30).Where(calm => Watch(new(), [.. Enumerable.Repeat(1.0, calm), 9])[calm] is not null).Take(1));

    /// <summary>The limits of the documented formula, from both sides: the median is 10 and its deviation 1, or there is none.</summary>
    [Theory]
    [InlineData(1, 8 * 1.4826)]
    [InlineData(0, 1)]
    public void The_limit_is_that_of_the_formula(double deviation, double rise)
    {
        double[] before = [.. Enumerable.Range(0, 50).Select(i => 10 + (deviation * ((i % 2 * 2) - 1)))];
        Assert.Null(Watch(new(), [.. before, 10 + (0.999 * rise)])[50]);
        Assert.Equal(10, Watch(new(), [.. before, 10 + (1.001 * rise)])[50]);
    }

    [Fact]
    public void A_loss_that_stays_high_is_the_new_normal_and_a_second_spike_is_told()
    {
        double[] losses = [.. Enumerable.Repeat(1.0, 30), .. Enumerable.Repeat(5.0, 60), 20];
        Assert.Equal([30, 90], Watch(new(), losses).Index().Where(entry => entry.Item is not null).Select(entry => entry.Index));
    }

    [Fact]
    public void Losses_that_are_no_numbers_are_not_counted()
    {
        var spikes = new LossSpikes();
        var told = Watch(spikes, [.. Enumerable.Repeat(1.0, 30), .. Enumerable.Repeat(double.NaN, 60), double.PositiveInfinity, 1, 3]);
        Assert.Equal([92], told.Index().Where(entry => entry.Item is not null).Select(entry => entry.Index));
    }

    /// <summary>A run that went back takes the same steps again.</summary>
    [Fact]
    public void Steps_that_are_run_again_say_nothing_new() =>
        Gen.Select(Calm, Gen.Int[25, 250], Gen.Int[0, 20], Gen.Int[1, 40]).Sample((losses, spike, after, back) =>
        {
            losses[spike] *= 4;
            var reached = Math.Min(losses.Length, spike + after + 1);
            var spikes = new LossSpikes();
            Assert.NotNull(Watch(spikes, losses[..reached])[spike]);
            var from = Math.Max(0, reached - back);
            Assert.All(Watch(spikes, losses[from..], from), again => Assert.Null(again));
        });

    private static double?[] Watch(LossSpikes spikes, IReadOnlyList<double> losses, int from = 0) => [.. losses.Select((loss, i) => spikes.Add(from + i + 1, loss))];

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
