using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class AutomaticScheduleTests
{
    // Zero Bubble Pipeline Parallelism (arXiv:2401.10241), tables 5 and 9: the rates of its own search, ZB-2p, at twice 1F1B's memory.
    [Theory]
    [InlineData(24, 18.522, 18.086, 9.337, 0.601, 0.0433)]
    [InlineData(32, 18.513, 18.086, 9.331, 0.626, 0.0039)]
    [InlineData(64, 18.546, 18.097, 9.321, 0.762, 0.0026)]
    public void At_twice_1f1bs_memory_the_published_rates_are_reached(int microBatches, double f, double i, double w, double transfer, double rate)
    {
        var found = Simulate(8, microBatches, null, schedule => ActionTimes.PerRank(schedule, f, i, w, transfer), 16);
        Assert.InRange(found.BubbleRate, 0, rate + 0.005);
    }

    [Theory]
    [InlineData(4, 8, null, 4, 0.05, 0.0)]
    [InlineData(4, 8, 1, 7, 0.0, 0.0)]
    [InlineData(3, 7, 2, 2, 0.2, 0.5)]
    [InlineData(5, 3, null, 3, 0.1, 0.0)]
    [InlineData(4, 12, 3, 6, 0.0, 1.0)]
    [InlineData(1, 4, null, 1, 0.0, 0.0)]
    [InlineData(4, 8, null, 1, 0.0, 0.0)]
    public void It_is_valid_within_the_limit_and_no_worse_than_any_named_one_within_it(
        int ranks, int microBatches, int? chunks, double limit, double transfer, double optimizer)
    {
        ActionTimes Times(Schedule schedule) => ActionTimes.PerRank(schedule, 1, 1.3, 0.6, transfer, optimizer > 0 ? optimizer : null);
        var found = Simulate(ranks, microBatches, chunks, Times, limit);
        ScheduleValidator.Validate(found.Schedule);
        Assert.True(found.Schedule.AccumulatesAscending);
        Assert.InRange(found.PeakActivations.Max(), 0, limit);
        Assert.True(chunks is null || found.Schedule.Stages == chunks * ranks);
        foreach (var name in ScheduleCatalog.Names)
        {
            var held = chunks ?? ScheduleCatalog.DefaultChunks(name);
            if (ScheduleCatalog.Problem(name, ranks, held, microBatches) is null)
            {
                var schedule = ScheduleCatalog.Create(name, ranks, held, microBatches);
                var named = Simulator.Run(schedule, Times(schedule));
                Assert.True(named.PeakActivations.Max() > limit || found.BubbleRate <= named.BubbleRate, name);
            }
        }
    }

    /// <summary>Stages of unlike lengths, and a limit on something that only a whole schedule has.</summary>
    [Fact]
    public void What_else_a_schedule_must_fulfil_is_kept()
    {
        ActionTimes Times(Schedule schedule) => ActionTimes.FromLists(schedule, [1, 2, 1.5, 1], [1.2, 2.2, 1, 1], [0.5, 1, 1, 0.7], 0.1, [0.5]);
        bool HoldsLittleAtTheEnd(Schedule schedule) => Simulator.Run(schedule, Times(schedule)).PeakActivations[^1] <= 2;
        var found = AutomaticSchedule.Find(4, 8, null, Times, double.PositiveInfinity, HoldsLittleAtTheEnd);
        Assert.True(HoldsLittleAtTheEnd(found));
        Assert.True(found.AccumulatesAscending);
        var best = ScheduleCatalog.Names.Select(name => ScheduleCatalog.Create(name, 4, ScheduleCatalog.DefaultChunks(name), 8))
            .Where(HoldsLittleAtTheEnd).Min(schedule => Simulator.Run(schedule, Times(schedule)).BubbleRate);
        Assert.InRange(Simulator.Run(found, Times(found)).BubbleRate, 0, best);
        Assert.Throws<BadInputException>(() => AutomaticSchedule.Find(4, 8, null, Times, double.PositiveInfinity, _ => false));
    }

    /// <summary>A row of DualPipeV has whole and split backwards side by side: the search may not let one overtake another.</summary>
    [Fact]
    public void Improving_a_schedule_keeps_the_order_in_which_gradients_add_up()
    {
        var schedule = ScheduleCatalog.Create("dualpipe-v", 4, 2, 10);
        var times = ActionTimes.FromLists(schedule, [1, 3, 1, 2], [2, 1, 1, 3], [0.3, 2, 1, 0.5], 0.2);
        var improved = CriticalPathSearch.Improve(Simulator.Run(schedule, times), times, double.PositiveInfinity);
        Assert.NotEqual(schedule.ToCsv(), improved.Schedule.ToCsv());
        ScheduleValidator.Validate(improved.Schedule);
        Assert.True(improved.Schedule.AccumulatesAscending);
    }

    [Fact]
    public void It_is_the_same_every_time()
    {
        var found = Enumerable.Range(0, 2).Select(_ => Simulate(4, 8, null, schedule => ActionTimes.PerRank(schedule, 1, 1.3, 0.6, 0.1), 5));
        Assert.Single(found.Select(simulation => simulation.Schedule.ToCsv()).Distinct());
    }

    [Fact]
    public void Without_a_fitting_one_the_smallest_limit_is_named() => Assert.Equal(
        "No schedule stays within a memory limit of 0.5 micro-batches; the smallest that would do is 1.",
        Assert.Throws<BadInputException>(() => Simulate(4, 8, null, schedule => ActionTimes.PerRank(schedule, 1, 1, 1), 0.5)).Message);

    private static Simulation Simulate(int ranks, int microBatches, int? chunks, Func<Schedule, ActionTimes> times, double limit)
    {
        var schedule = AutomaticSchedule.Find(ranks, microBatches, chunks, times, limit);
        Assert.Equal(("automatic", ranks, microBatches), (schedule.Name, schedule.Ranks.Count, schedule.MicroBatches));
        return Simulator.Run(schedule, times(schedule));
    }
}
