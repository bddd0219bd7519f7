using CsCheck;
using Pipeline.Core.Schedules;

namespace Pipeline.Core.Tests.Schedules;

public class ScheduleValidatorTests
{
    [Fact]
    public void Any_order_that_can_end_is_valid() => RandomSchedule.Of(ranks: 5, chunks: 3, microBatches: 5).Sample(ScheduleValidator.Validate);

    [Theory]
    [InlineData("0F0 0F1 0B0", "1F0 1F1 1B0 1B1", 0, 3, "0B1 is missing", "0F0 0F1 0B0 [ ]")]
    [InlineData("0F0 0F1 0I0 0W0 0I1", "1F0 1F1 1B0 1B1", 0, 5, "0W1 is missing", "0F0 0F1 0I0 0W0 0I1 [ ]")]
    [InlineData("0F1 0B1", "1F0 1F1 1B0 1B1", 0, 2, "0F0 is missing", "0F1 0B1 [ ]")]
    [InlineData("0F0 0F1 0F0 0B0 0B1", "1F0 1F1 1B0 1B1", 0, 2, "it is there twice", "0F0 0F1 [0F0] 0B0 0B1")]
    [InlineData("0F0 0F1 0B0 0B0 0B1", "1F0 1F1 1B0 1B1", 0, 3, "it is there twice", "0F0 0F1 0B0 [0B0] 0B1")]
    [InlineData("0F0 0F1 0I0 0B0 0B1", "1F0 1F1 1B0 1B1", 0, 3, "its input gradient is there already", "0F0 0F1 0I0 [0B0] 0B1")]
    [InlineData("0F0 0F1 0B0 0I0 0B1", "1F0 1F1 1B0 1B1", 0, 3, "its whole backward is there already", "0F0 0F1 0B0 [0I0] 0B1")]
    [InlineData("0F0 0F1 0B0 0W0 0B1", "1F0 1F1 1B0 1B1", 0, 3, "its input gradient has not run", "0F0 0F1 0B0 [0W0] 0B1")]
    [InlineData("0F0 0F1 0W0 0I0 0B1", "1F0 1F1 1B0 1B1", 0, 2, "its input gradient has not run", "0F0 0F1 [0W0] 0I0 0B1")]
    [InlineData("0F0 0B1 0F1 0B0", "1F0 1F1 1B0 1B1", 0, 1, "its forward has not run", "0F0 [0B1] 0F1 0B0")]
    [InlineData("0F0 0I1 0F1 0B0", "1F0 1F1 1B0 1B1", 0, 1, "its forward has not run", "0F0 [0I1] 0F1 0B0")]
    [InlineData("0F0 0F2 0B0 0B2", "1F0 1F1 1B0 1B1", 0, 1, "micro-batches are numbered 0 to 1", "0F0 [0F2] 0B0 0B2")]
    [InlineData("0F0 0F1 0B0 0B1", "1F0 1B0 1B1", 1, 2, "its forward has not run", "1F0 1B0 [1B1]")]
    [InlineData("0F0 0F1 0B0 0B1", "0F0 1F1 1B0 1B1", 1, 0, "stage 0 is on rank 0 already", "[0F0] 1F1 1B0 1B1")]
    [InlineData("0F0 0F1 0B0 0B1", "2F0 2F1 2B0 2B1", 1, 0, "stages must be numbered without holes, and there are only 2", "[2F0] 2F1 2B0 2B1")]
    [InlineData("0F0 0F1 0B0 0B1", "", 1, 0, "the rank has no actions", "[ ]")]
    public void A_wrong_row_is_refused_with_its_cell_marked(string first, string second, int rank, int cell, string problem, string marked)
    {
        var wrong = $"{marked}   <-- {problem}";
        AssertRefused(ScheduleText.Parse(2, first, second), rank, cell, problem, rank == 0 ? $"{wrong}\n{second}" : $"{first}\n{wrong}");
    }

    [Theory]
    [InlineData(0, -1, "micro-batches are numbered 0 to 0")]
    [InlineData(-1, 0, "stages are numbered from 0")]
    public void Numbers_below_zero_are_refused(int stage, int microBatch, string problem) =>
        AssertRefused(
            new Schedule("planted", 1, [[PipelineAction.Forward(stage, microBatch), PipelineAction.Backward(stage, microBatch)]]),
            rank: 0,
            cell: 0,
            problem,
            $"[{stage}F{microBatch}] {stage}B{microBatch}   <-- {problem}");

    [Fact]
    public void Whole_and_split_backwards_may_stand_side_by_side() =>
        ScheduleValidator.Validate(ScheduleText.Parse(2, "0F0 0F1 0B0 0I1 0W1", "1F0 1I0 1F1 1W0 1B1"));

    [Fact]
    public void Another_order_of_weight_gradients_is_valid_and_known()
    {
        var descending = ScheduleText.Parse(2, "0F0 0F1 0B1 0B0", "1F0 1F1 1B1 1B0");
        ScheduleValidator.Validate(descending);
        Assert.False(descending.AccumulatesAscending);
        Assert.False(ScheduleText.Parse(2, "0F0 0F1 0I0 0I1 0W1 0W0").AccumulatesAscending);
        Assert.False(ScheduleText.Parse(2, "0F0 0F1 0I1 0I0 0W0 0W1").AccumulatesAscending);
        Assert.True(ScheduleText.Parse(2, "0F1 0F0 0I0 0I1 0W0 0W1").AccumulatesAscending);
    }

    [Fact]
    public void Of_a_large_grid_the_cells_around_the_failing_one_are_shown()
    {
        var rows = ScheduleCatalog.Create("gpipe", 20, 1, 50).Ranks.Select(row => row.ToList()).ToArray();
        rows[10][70] = rows[10][69];
        var message = Assert.Throws<InvalidScheduleException>(() => ScheduleValidator.Validate(new Schedule("planted", 50, rows))).Message.Split('\n');
        Assert.Equal("Schedule planted, rank 10, cell 70: it is there twice.", message[0]);
        Assert.Equal(("... 2 more above", "... 2 more below"), (message[1], message[^1]));
        Assert.Contains(message, line => line.Contains("10B18 10B19 [10B19] 10B21", StringComparison.Ordinal)
            && line.EndsWith("10B49   <-- it is there twice", StringComparison.Ordinal) && line.StartsWith("... ", StringComparison.Ordinal));
    }

    [Fact]
    public void Ranks_that_wait_for_each_other_are_refused_with_the_first_that_waits_marked() =>
        // Rank 0 wants the gradient of micro-batch 0 before it starts 1; rank 1 wants 1 before it gives that gradient.
        AssertRefused(
            ScheduleText.Parse(2, "0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"),
            rank: 0,
            cell: 1,
            "deadlock: it waits for the gradient of stage 1 for ever",
            "0F0 [0B0] 0F1 0B1   <-- deadlock: it waits for the gradient of stage 1 for ever\n1F0 1F1 1B0 1B1");

    [Fact]
    public void A_deadlock_between_later_ranks_shows_at_the_first_rank_that_waits_for_them() =>
        AssertRefused(
            ScheduleText.Parse(2, "0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1", "2F0 2F1 2B0 2B1"),
            rank: 0,
            cell: 2,
            "deadlock: it waits for the gradient of stage 1 for ever",
            "0F0 0F1 [0B0] 0B1   <-- deadlock: it waits for the gradient of stage 1 for ever\n1F0 1B0 1F1 1B1\n2F0 2F1 2B0 2B1");

    [Fact]
    public void A_valid_schedule_is_refused_once_a_cell_is_dropped_or_doubled_or_a_backward_stands_before_its_forward() =>
        Gen.Select(RandomSchedule.Of(ranks: 4, chunks: 2, microBatches: 4), Gen.Int.NonNegative, Gen.Int[0, 2]).Sample((schedule, at, defect) =>
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
                    var forward = row.FindIndex(IsOfTheSame);
                    var backward = row.FindLastIndex(IsOfTheSame);
                    (row[forward], row[backward]) = (row[backward], row[forward]);
                    break;
            }

            Assert.Throws<InvalidScheduleException>(
                () => ScheduleValidator.Validate(new Schedule(schedule.Name, schedule.MicroBatches, rows)));

            bool IsOfTheSame(PipelineAction action) => (action.Stage, action.MicroBatch) == (row[cell].Stage, row[cell].MicroBatch);
        });

    private static void AssertRefused(Schedule schedule, int rank, int cell, string problem, string grid) =>
        Assert.Equal(
            $"Schedule planted, rank {rank}, cell {cell}: {problem}.\n{grid}",
            Assert.Throws<InvalidScheduleException>(() => ScheduleValidator.Validate(schedule)).Message);
}
