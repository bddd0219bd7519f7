using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class ScheduleCatalogTests
{
    /// <summary>Every layout that the properties below are asked of: all of them, since they are few.</summary>
    private static IEnumerable<(int Ranks, int Chunks, int MicroBatches)> Layouts(string name) =>
        from ranks in Enumerable.Range(1, 8)
        from chunks in Enumerable.Range(1, 4)
        from microBatches in Enumerable.Range(1, 64)
        where ScheduleCatalog.Problem(name, ranks, chunks, microBatches) is null
        select (ranks, chunks, microBatches);

    public static TheoryData<string> Names => [.. ScheduleCatalog.Names];

    [Fact]
    public void The_names_of_job_files_are_there() => Assert.Equal(
        [
            "gpipe", "1f1b", "interleaved-1f1b", "looped-bfs", "zb-h1", "zb-h2", "interleaved-zb", "zb-v", "v-half", "v-min", "dualpipe-v",
        ],
        ScheduleCatalog.Names);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_schedule_is_valid_and_all_but_one_add_up_in_ascending_order(string name)
    {
        foreach (var (ranks, chunks, microBatches) in Layouts(name))
        {
            var schedule = ScheduleCatalog.Create(name, ranks, chunks, microBatches);   // validates it
            Assert.Equal((name, ranks, ranks * chunks, microBatches), (schedule.Name, schedule.Ranks.Count, schedule.Stages, schedule.MicroBatches));
            Assert.All(schedule.StagesOf, stages => Assert.Equal(chunks, stages.Count));
            Assert.Equal(name != "looped-bfs" || microBatches == 1, schedule.AccumulatesAscending);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_schedule_runs_with_the_credits_of_its_edges(string name)
    {
        foreach (var (ranks, chunks, microBatches) in Layouts(name).Where(layout => layout.MicroBatches is 1 or 5 or 17 && layout.Chunks < 4))
        {
            new CreditedRun(ScheduleCatalog.Create(name, ranks, chunks, microBatches)).ToTheEnd(ready => ready[^1]);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_layout_is_refused_exactly_when_the_catalog_says_why(string name)
    {
        var layouts =
            from ranks in Enumerable.Range(1, 8)
            from chunks in Enumerable.Range(1, 4)
            from microBatches in Enumerable.Range(1, 20)
            select (ranks, chunks, microBatches);
        Assert.All(layouts, layout =>
        {
            var (ranks, chunks, microBatches) = layout;
            var allowed = name switch
            {
                "gpipe" or "1f1b" or "zb-h1" or "zb-h2" => chunks == 1,
                "zb-v" or "v-half" or "v-min" => chunks == 2,
                "dualpipe-v" => chunks == 2 && microBatches >= 2 * ranks,
                _ => true,
            };
            Assert.Equal(allowed, ScheduleCatalog.Problem(name, ranks, chunks, microBatches) is null);
        });
    }

    // No golden file has it: written out from its definition, with the change to split backwards in its last phases.
    [Fact]
    public void DualPipeV_of_two_ranks_and_four_micro_batches() => Assert.Equal(
        "0F0,0F1,0F2,3F0,3I0,3W0,3F1,0F3,3B1,3F2,0B0,3B2,3F3,0B1,3B3,0I2,0W2,0I3,0W3\n"
        + "1F0,2F0,1F1,2F1,1F2,2B0,2F2,1B0,1F3,2B1,2F3,1B1,2B2,1B2,2I3,1I3,2W3,1W3\n",
        ScheduleCatalog.Create("dualpipe-v", 2, 2, 4).ToCsv());

    [Fact]
    public void With_gpipe_a_rank_holds_the_activations_of_all_micro_batches() =>
        AssertPeaks("gpipe", (_, _, _, microBatches) => microBatches);

    [Fact]
    public void With_looped_bfs_too() => AssertPeaks("looped-bfs", (_, _, _, microBatches) => microBatches);

    [Fact]
    public void With_1f1b_a_rank_holds_as_many_activations_as_stages_follow_it_and_one() =>
        AssertPeaks("1f1b", (ranks, rank, _, microBatches) => Math.Min(ranks - rank, microBatches));

    [Fact]
    public void With_interleaved_1f1b_the_warm_up_and_one_chunk() =>
        AssertPeaks("interleaved-1f1b", (ranks, rank, chunks, microBatches) =>
        {
            var groups = Math.Max(1, microBatches / ranks);
            var group = (microBatches + groups - 1) / groups;
            return (double)Math.Min(((chunks - 1) * group) + (2 * (ranks - 1 - rank)) + 1, chunks * microBatches) / chunks;
        });

    [Fact]
    public void With_zb_h1_every_rank_holds_at_most_what_1f1bs_first_does() =>
        AssertPeaks("zb-h1", (ranks, _, _, microBatches) => Math.Min(ranks, microBatches));

    [Fact]
    public void With_zb_h2_nearly_twice_that() =>
        AssertPeaks("zb-h2", (ranks, _, _, microBatches) => Math.Min((2 * ranks) - 1, microBatches));

    [Theory]
    [InlineData("zb-v")]
    [InlineData("v-half")]
    [InlineData("v-min")]
    [InlineData("dualpipe-v")]
    public void Schedules_in_V_placement_stay_within_their_memory(string name)
    {
        foreach (var (ranks, chunks, microBatches) in Layouts(name))
        {
            var most = name switch { "zb-v" => ranks, "v-half" => (ranks / 2) + 1, "v-min" => ((ranks + 1) / 3) + 1, _ => ranks + 0.5 };
            Assert.All(Peaks(ScheduleCatalog.Create(name, ranks, chunks, microBatches)), peak => Assert.True(peak <= most));
        }
    }

    [Theory]
    [InlineData("v-half", 1.0 / 2)]
    [InlineData("v-min", 2.0 / 3)]
    public void With_less_memory_the_bubble_is_at_most_this_part_of_1f1bs(string name, double part)
    {
        foreach (var (ranks, chunks, microBatches) in Layouts(name).Where(layout => layout.MicroBatches >= 2 * layout.Ranks))
        {
            var schedule = ScheduleCatalog.Create(name, ranks, chunks, microBatches);
            var bubble = Simulator.Run(schedule, ActionTimes.PerRank(schedule, 1, 1, 1)).LongestSpan - (3 * microBatches);
            Assert.True(bubble <= part * 3 * (ranks - 1), $"{name} {ranks} {microBatches}: {bubble}");
        }
    }

    [Theory]
    [InlineData("1f1b", 0, 1, 4, "1f1b needs at least 1 stage, not 0")]
    [InlineData("1f1b", 4, 1, 0, "1f1b needs at least 1 micro-batch, not 0")]
    [InlineData("1f1b", 4, 2, 4, "1f1b has 1 chunk a stage, not 2")]
    [InlineData("zb-v", 4, 1, 8, "zb-v has 2 chunks a stage, not 1")]
    [InlineData("looped-bfs", 4, 0, 8, "looped-bfs needs at least 1 chunk a stage, not 0")]
    [InlineData("dualpipe-v", 4, 2, 3, "dualpipe-v needs at least 8 micro-batches for 4 stages, not 3")]
    [InlineData("interleaved-zb", 600, 2, 8, "interleaved-zb can have at most 1024 stages times chunks, not 1200")]
    [InlineData("gpipe", 1, 1, 10_001, "gpipe can have at most 10000 micro-batches, not 10001")]
    [InlineData("gpipe", 1000, 1, 10_000, "gpipe can have at most 333333 stages times chunks times micro-batches, not 10000000")]
    public void What_there_is_not_is_refused_with_what_there_is(string name, int ranks, int chunks, int microBatches, string problem)
    {
        Assert.Equal(problem, ScheduleCatalog.Problem(name, ranks, chunks, microBatches));
        Assert.Equal($"{problem}.", Assert.Throws<BadInputException>(() => ScheduleCatalog.Create(name, ranks, chunks, microBatches)).Message);
    }

    private static void AssertPeaks(string name, Func<int, int, int, int, double> expected)
    {
        foreach (var (ranks, chunks, microBatches) in Layouts(name))
        {
            var peaks = Peaks(ScheduleCatalog.Create(name, ranks, chunks, microBatches));
            Assert.All(peaks.Index(), peak => Assert.Equal(expected(ranks, peak.Index, chunks, microBatches), peak.Item));
        }
    }

    private static IReadOnlyList<double> Peaks(Schedule schedule) =>
        Simulator.Run(schedule, ActionTimes.PerRank(schedule, 1, 1, 1)).PeakActivations;
}
