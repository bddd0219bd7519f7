using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class ScheduleCatalogTests
{
    /// <summary>Every layout that the properties below are asked of: all of them, since they are few.</summary>
    private static IEnumerable<(int Stages, int MicroBatches)> Layouts =>
        from stages in Enumerable.Range(1, 8)
        from microBatches in Enumerable.Range(1, 64)
        select (stages, microBatches);

    public static TheoryData<string> Names => [.. ScheduleCatalog.Names];

    [Fact]
    public void The_names_of_job_files_are_there() => Assert.Equal(["gpipe", "1f1b"], ScheduleCatalog.Names);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_schedule_is_valid_and_runs_each_micro_batch_forward_and_backward_once(string name)
    {
        foreach (var (stages, microBatches) in Layouts)
        {
            var schedule = ScheduleCatalog.Create(name, stages, microBatches);
            ScheduleValidator.Validate(schedule);
            Assert.Equal((name, stages, microBatches), (schedule.Name, schedule.Stages, schedule.MicroBatches));
            for (var rank = 0; rank < stages; rank++)
            {
                var all = Enumerable.Range(0, microBatches);
                Assert.Equal(
                    all.Select(m => PipelineAction.Forward(rank, m)),
                    schedule.Ranks[rank].Where(action => action.Kind == ActionKind.Forward));
                Assert.Equal(
                    all.Select(m => PipelineAction.Backward(rank, m)),
                    schedule.Ranks[rank].Where(action => action.Kind == ActionKind.Backward));
                Assert.Equal(2 * microBatches, schedule.Ranks[rank].Count);
            }
        }
    }

    [Fact]
    public void With_1f1b_a_rank_holds_as_many_activations_as_stages_follow_it_and_one() =>
        AssertPeaks("1f1b", (stages, rank, microBatches) => Math.Min(stages - rank, microBatches));

    [Fact]
    public void With_gpipe_a_rank_holds_the_activations_of_all_micro_batches() =>
        AssertPeaks("gpipe", (_, _, microBatches) => microBatches);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void Without_stages_or_micro_batches_there_is_no_schedule(int stages, int microBatches) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ScheduleCatalog.Create("1f1b", stages, microBatches));

    private static void AssertPeaks(string name, Func<int, int, int, int> expected)
    {
        foreach (var (stages, microBatches) in Layouts)
        {
            var schedule = ScheduleCatalog.Create(name, stages, microBatches);
            for (var rank = 0; rank < stages; rank++)
            {
                int alive = 0, peak = 0;
                foreach (var action in schedule.Ranks[rank])
                {
                    alive += action.Kind == ActionKind.Forward ? 1 : -1;
                    peak = Math.Max(peak, alive);
                }

                Assert.Equal((stages, microBatches, rank, expected(stages, rank, microBatches)), (stages, microBatches, rank, peak));
            }
        }
    }
}
