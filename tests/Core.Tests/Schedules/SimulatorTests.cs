using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class SimulatorTests
{
    // Makespan and longest span where every action takes 1 on a rank and hand-overs nothing.
    [Theory]
    [InlineData(2, 4, "gpipe 15/15, 1f1b 15/15, interleaved-1f1b 13.5/13.5, looped-bfs 13.5/13.5, zb-h1 13/13, zb-h2 13/12, interleaved-zb 12.5/12.5, zb-v 12.5/12")]
    [InlineData(4, 8, "gpipe 33/33, 1f1b 33/33, interleaved-1f1b 28.5/28.5, looped-bfs 28.5/28.5, zb-h1 27/27, zb-h2 27/24, interleaved-zb 25.5/25.5, zb-v 25.5/24")]
    [InlineData(4, 16, "gpipe 57/57, 1f1b 57/57, interleaved-1f1b 52.5/52.5, looped-bfs 52.5/52.5, zb-h1 51/51, zb-h2 51/48, interleaved-zb 49.5/49.5, zb-v 49.5/48")]
    [InlineData(8, 16, "gpipe 69/69, 1f1b 69/69, interleaved-1f1b 58.5/58.5, looped-bfs 58.5/58.5, zb-h1 55/55, zb-h2 55/48, interleaved-zb 51.5/51.5, zb-v 51.5/48")]
    [InlineData(8, 32, "gpipe 117/117, 1f1b 117/117, interleaved-1f1b 106.5/106.5, looped-bfs 106.5/106.5, zb-h1 103/103, zb-h2 103/96, interleaved-zb 99.5/99.5, zb-v 99.5/96")]
    public void In_unit_times_schedules_take_what_is_known(int ranks, int microBatches, string known)
    {
        foreach (var entry in known.Split(", "))
        {
            var name = entry.Split(' ')[0];
            var simulation = Unit(ScheduleCatalog.Create(name, ranks, ScheduleCatalog.DefaultChunks(name), microBatches));
            Assert.Equal(entry, FormattableString.Invariant($"{name} {simulation.Makespan}/{simulation.LongestSpan}"));
            Assert.Equal(1 - (3.0 * microBatches / simulation.LongestSpan), simulation.BubbleRate, 12);
        }
    }

    [Theory]
    [InlineData("gpipe", 8, "8 8 8 8")]
    [InlineData("looped-bfs", 8, "8 8 8 8")]
    [InlineData("1f1b", 8, "4 3 2 1")]
    [InlineData("interleaved-1f1b", 8, "5.5 4.5 3.5 2.5")]
    [InlineData("zb-h1", 8, "4 4 4 4")]
    [InlineData("interleaved-zb", 8, "4 4 4 4")]
    [InlineData("zb-v", 8, "4 4 4 4")]
    [InlineData("zb-h2", 8, "7 7 7 7")]
    [InlineData("dualpipe-v", 10, "4.5 4.5 4.5 4.5")]
    public void Peaks_on_four_ranks_are_what_is_known(string name, int microBatches, string peaks) => Assert.Equal(
        peaks,
        string.Join(' ', Unit(ScheduleCatalog.Create(name, 4, ScheduleCatalog.DefaultChunks(name), microBatches)).PeakActivations
            .Select(peak => FormattableString.Invariant($"{peak}"))));

    // Zero Bubble Pipeline Parallelism (arXiv:2401.10241), tables 5 and 9: 1.5B parameters on 8 GPUs, durations in ms.
    [Theory]
    [InlineData(24, 18.522, 18.086, 9.337, 0.601, 0.2431, 0.1585, 0.1083)]
    [InlineData(32, 18.513, 18.086, 9.331, 0.626, 0.1985, 0.1242, 0.0837)]
    [InlineData(64, 18.546, 18.097, 9.321, 0.762, 0.1240, 0.0674, 0.0444)]
    public void Published_bubble_rates_come_out(int microBatches, double f, double i, double w, double transfer, double oneF, double h1, double h2)
    {
        Assert.Equal(oneF, Rate("1f1b"), 1e-4);
        Assert.Equal(h1, Rate("zb-h1"), 1e-4);
        Assert.Equal(h2, Rate("zb-h2"), 1e-4);

        double Rate(string name)
        {
            var schedule = ScheduleCatalog.Create(name, 8, 1, microBatches);
            return Simulator.Run(schedule, ActionTimes.PerRank(schedule, f, i, w, transfer)).BubbleRate;
        }
    }

    [Fact]
    public void A_transfer_delays_only_the_receiver_and_never_within_a_rank()
    {
        // Stages 1 and 2 share rank 1: the hand-over between them costs nothing.
        var schedule = ScheduleText.Parse(1, "0F0 0B0", "1F0 2F0 2B0 1B0");
        var simulation = Simulator.Run(schedule, new([1, 1, 1], [1, 1, 1], [1, 1, 1], Transfer: 0.25));
        Assert.Equal([(0, 1), (7.5, 9.5)], simulation.Ranks[0].Select(timed => (timed.Start, timed.End)));
        Assert.Equal([(1.25, 2.25), (2.25, 3.25), (3.25, 5.25), (5.25, 7.25)], simulation.Ranks[1].Select(timed => (timed.Start, timed.End)));
        Assert.Equal((9.5, 9.5), (simulation.Makespan, simulation.LongestSpan));
        Assert.Equal([9.5, 6], simulation.Spans);
        Assert.Equal([6.5 / 9.5, 3.5 / 9.5], simulation.BubbleRates);
        Assert.Equal((9.5 - 4.5) / 9.5, simulation.BubbleRate, 12);
    }

    [Fact]
    public void With_an_optimizer_step_spans_are_the_makespan_and_the_step_is_work()
    {
        var schedule = ScheduleText.Parse(1, "0F0 0B0", "1F0 1B0");
        var simulation = Simulator.Run(schedule, ActionTimes.FromLists(schedule, [1], [1], [1], optimizer: [2, 3]));
        Assert.Equal((6.0, 9.0), (simulation.ActionsEnd, simulation.Makespan));
        Assert.Equal([9, 9], simulation.Spans);
        Assert.Equal([4.0 / 9, 3.0 / 9], simulation.BubbleRates);
        Assert.Equal([8, 9], simulation.OptimizerEnds!);
    }

    [Fact]
    public void Lists_are_for_all_for_each_rank_or_for_each_stage()
    {
        var schedule = ScheduleCatalog.Create("zb-v", 2, 2, 4);
        Assert.Equal([0.5, 0.5, 0.5, 0.5], ActionTimes.FromLists(schedule, [1], [1], [1]).Forward);
        Assert.Equal([0.5, 1, 1, 0.5], ActionTimes.FromLists(schedule, [1, 2], [1], [1]).Forward);
        Assert.Equal([1, 2, 3, 4], ActionTimes.FromLists(schedule, [1, 2, 3, 4], [1], [1]).Forward);
        Assert.Equal(
            "A list of durations must have 1 entry, one for each of the 2 stages, or one for each of their 4 chunks, not 3 entries.",
            Assert.Throws<BadInputException>(() => ActionTimes.FromLists(schedule, [1, 2, 3], [1], [1])).Message);
    }

    [Fact]
    public void Any_schedule_ends_after_its_ranks_work_and_its_longest_chain_and_holds_what_it_counts() =>
        RandomSchedule.Of(ranks: 4, chunks: 2, microBatches: 4).Sample(schedule =>
        {
            var simulation = Unit(schedule);
            Assert.All(simulation.Ranks.Index(), row =>
            {
                Assert.Equal(schedule.Ranks[row.Index], row.Item.Select(timed => timed.Action));
                Assert.All(row.Item.Zip(row.Item.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
            });
            Assert.True(simulation.Makespan >= 3.0 * schedule.MicroBatches - 1e-9);
            Assert.All(simulation.PeakActivations, peak => Assert.InRange(peak, 0, schedule.MicroBatches));
            Assert.All(simulation.BubbleRates, rate => Assert.InRange(rate, 0, 1));
        });

    private static Simulation Unit(Schedule schedule) => Simulator.Run(schedule, ActionTimes.PerRank(schedule, 1, 1, 1));
}
