using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class ScheduleValidatorTests
{
    [Fact]
    public void Any_order_that_can_end_and_adds_up_in_ascending_order_is_valid() =>
        RandomSchedule.Of(stages: 5, microBatches: 6).Sample(ScheduleValidator.Validate);

    [Theory]
    [InlineData("0F0 0F1 0B0", "1F0 1F1 1B0 1B1", 0, 3, "the row has 3 actions, not 4", "0F0 0F1 0B0")]
    [InlineData("0F0 0F1", "1F0 1F1 1B0 1B1", 0, 2, "the row has 2 actions, not 4", "0F0 0F1")]
    [InlineData("0F0 0F1 0F0 0B0 0B1", "1F0 1F1 1B0 1B1", 0, 2, "it is there twice", "0F0 0F1 [0F0] 0B0 0B1")]
    [InlineData("0F0 0F1 0B0 0B0 0B1", "1F0 1F1 1B0 1B1", 0, 3, "it is there twice", "0F0 0F1 0B0 [0B0] 0B1")]
    [InlineData("0F0 0B1 0F1 0B0", "1F0 1F1 1B0 1B1", 0, 1, "its forward has not run", "0F0 [0B1] 0F1 0B0")]
    [InlineData("0F0 1F1 0B0 0B1", "1F0 1F1 1B0 1B1", 0, 1, "stage 1 is not on rank 0", "0F0 [1F1] 0B0 0B1")]
    [InlineData("0F0 0F2 0B0 0B2", "1F0 1F1 1B0 1B1", 0, 1, "there are only 2 micro-batches", "0F0 [0F2] 0B0 0B2")]
    [InlineData("0F0 0F1 0B1 0B0", "1F0 1F1 1B0 1B1", 0, 3, "weight gradients must add up in ascending order", "0F0 0F1 0B1 [0B0]")]
    [InlineData("0F0 0F1 0B0 0B1", "1F0 1B0 1B1", 1, 2, "its forward has not run", "1F0 1B0 [1B1]")]
    [InlineData("0F0 0F1 0B0 0B1", "1F0 1B0 1F1", 1, 3, "the row has 3 actions, not 4", "1F0 1B0 1F1")]
    [InlineData("0F0 0F1 0B0 0B1", "1F0 1F1 1B1 1B0", 1, 3, "weight gradients must add up in ascending order", "1F0 1F1 1B1 [1B0]")]
    [InlineData("0F0 0F1 0B0 0B1", "0F0 1F1 1B0 1B1", 1, 0, "stage 0 is not on rank 1", "[0F0] 1F1 1B0 1B1")]
    public void A_wrong_row_is_refused_with_its_cell_marked(string first, string second, int rank, int cell, string problem, string marked)
    {
        var wrong = $"{marked}   <-- {problem}";
        AssertRefused(ScheduleText.Parse(2, first, second), rank, cell, problem, rank == 0 ? $"{wrong}\n{second}" : $"{first}\n{wrong}");
    }

    [Fact]
    public void A_micro_batch_below_zero_is_refused() =>
        AssertRefused(
            new Schedule("planted", 1, [[PipelineAction.Forward(0, -1), PipelineAction.Backward(0, -1)]]),
            rank: 0,
            cell: 0,
            "there are only 1 micro-batches",
            "[0F-1] 0B-1   <-- there are only 1 micro-batches");

    [Fact]
    public void Ranks_that_wait_for_each_other_are_refused_with_the_first_that_waits_marked() =>
        // Rank 0 wants the gradient of micro-batch 0 before it starts 1; rank 1 wants 1 before it gives that gradient.
        AssertRefused(
            ScheduleText.Parse(2, "0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"),
            rank: 0,
            cell: 1,
            "deadlock: it waits for 1B0 for ever",
            "0F0 [0B0] 0F1 0B1   <-- deadlock: it waits for 1B0 for ever\n1F0 1F1 1B0 1B1");

    [Fact]
    public void A_deadlock_between_later_ranks_shows_at_the_first_rank_that_waits_for_them() =>
        AssertRefused(
            ScheduleText.Parse(2, "0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1", "2F0 2F1 2B0 2B1"),
            rank: 0,
            cell: 2,
            "deadlock: it waits for 1B0 for ever",
            "0F0 0F1 [0B0] 0B1   <-- deadlock: it waits for 1B0 for ever\n1F0 1B0 1F1 1B1\n2F0 2F1 2B0 2B1");

    [Fact]
    public void A_valid_schedule_is_refused_once_a_cell_is_dropped_or_doubled_or_a_backward_stands_before_its_forward() =>
        Gen.Select(RandomSchedule.Of(stages: 4, microBatches: 4), Gen.Int.NonNegative, Gen.Int[0, 2]).Sample((schedule, at, defect) =>
        {
            var rows = schedule.Ranks.Select(row => row.ToList()).ToArray();
            var row = rows[at % rows.Length];
            var cell = at / rows.Length % row.Count;
            switch (defect)
            {
                case 0:
                    row.RemoveAt(cell);
                    break;
                case 1:
                    row.Insert(cell, row[cell]);
                    break;
                default:
                    var forward = row.FindIndex(action => action.MicroBatch == row[cell].MicroBatch);
                    var backward = row.FindLastIndex(action => action.MicroBatch == row[cell].MicroBatch);
                    (row[forward], row[backward]) = (row[backward], row[forward]);
                    break;
            }

            Assert.Throws<InvalidOperationException>(
                () => ScheduleValidator.Validate(new Schedule(schedule.Name, schedule.MicroBatches, rows)));
        });

    private static void AssertRefused(Schedule schedule, int rank, int cell, string problem, string grid) =>
        Assert.Equal(
            $"Schedule planted, rank {rank}, cell {cell}: {problem}.\n{grid}",
            Assert.Throws<InvalidOperationException>(() => ScheduleValidator.Validate(schedule)).Message);
}
