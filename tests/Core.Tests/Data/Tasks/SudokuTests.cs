using System.Diagnostics;
using Pipeline.Core.Data.Tasks;

namespace Pipeline.Core.Tests.Data.Tasks;

public class SudokuTests(ITestOutputHelper output)
{
    [Fact]
    public void There_are_288_grids_of_size_4_cut_into_training_and_validation_by_the_seed()
    {
        var grids = SudokuGrid.All(4).Select(Text).ToArray();
        Assert.Equal(288, grids.Distinct().Count());
        Assert.All(SudokuGrid.All(4), grid => AssertGrid(grid, 4));
        var puzzles = new SmallSudoku(new(), 1);
        Assert.Equal((200, 88), (puzzles.Training.Count, puzzles.Validation.Count));
        Assert.Equal(grids.Order(StringComparer.Ordinal), puzzles.Training.Concat(puzzles.Validation).Select(Text).Order(StringComparer.Ordinal));
        Assert.NotEqual(puzzles.Validation.Select(Text), new SmallSudoku(new(), 2).Validation.Select(Text));
    }

    [Fact]
    public void Validation_goes_through_all_of_its_grids_and_training_has_none_of_them()
    {
        var validation = TaskJob.Step<long>(new SudokuSettings(), true, 0, 88).Select(sample => string.Join(' ', sample.Targets)).ToHashSet(StringComparer.Ordinal);
        var training = TaskJob.Step<long>(new SudokuSettings(), false, 1, 2000).Select(sample => string.Join(' ', sample.Targets)).ToHashSet(StringComparer.Ordinal);
        Assert.Equal((88, 200), (validation.Count, training.Count));
        Assert.Empty(validation.Intersect(training));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(4, 11)]
    [InlineData(4, 12)]
    [InlineData(9, 50)]
    [InlineData(9, 56)]
    public void Every_puzzle_has_its_holes_and_one_solution(int size, int holes)
    {
        var data = new SudokuSettings(size, holes, Puzzles: size == 9 ? 10 : null);
        foreach (var (inputs, targets) in TaskJob.Step<long>(data, false, 1, 40).Concat(TaskJob.Step<long>(data, true, 0, 10)))
        {
            var (puzzle, solution) = (Grid(inputs), Grid(targets));
            AssertGrid(solution, size);
            Assert.Equal(holes, puzzle.Count(digit => digit == 0));
            Assert.All(puzzle.Zip(solution), pair => Assert.True(pair.First == 0 || pair.First == pair.Second));
            Assert.Equal(1, new SudokuGrid(size, puzzle).Solutions(2));
        }
    }

    [Fact]
    public void The_search_counts_solutions()
    {
        Assert.Equal(288, new SudokuGrid(4, []).Solutions(1000));
        Assert.Equal(5, new SudokuGrid(4, []).Solutions(5));
        Assert.Equal(0, new SudokuGrid(4, [1, 2, 3, 0, 0, 0, 0, 4]).Solutions(5));
    }

    [Fact]
    public void Training_at_size_9_exchanges_digits_rows_and_columns_of_its_base_puzzles()
    {
        var puzzles = new LargeSudoku(new(9, Puzzles: 3), 1).Puzzles;
        Assert.Equal(3, puzzles.Select(puzzle => Text(puzzle.Solution)).Distinct().Count());
        var training = TaskJob.Step<long>(new SudokuSettings(9, Puzzles: 3), false, 1, 100).Select(sample => Text(Grid(sample.Targets))).ToArray();
        Assert.Equal(100, training.Distinct().Count());
        Assert.Empty(training.Intersect(puzzles.Select(puzzle => Text(puzzle.Solution))));
        var validation = TaskJob.Step<long>(new SudokuSettings(9, Puzzles: 3), true, 0, 2);
        Assert.All(validation, sample => Assert.Equal(Text(puzzles[0].Puzzle), Text(Grid(sample.Inputs))));   // one of the three
    }

    /// <summary>A tenth of what a free core makes.</summary>
    [Fact]
    public void Puzzles_are_made_fast()
    {
        LargeSudoku.Generate(1, 0, 50);
        foreach (var holes in (int[])[50, 54, 56, 58])
        {
            var began = Stopwatch.GetTimestamp();
            var count = 0;
            while (count < 200 && Stopwatch.GetElapsedTime(began).TotalSeconds < 1)
            {
                LargeSudoku.Generate(1, ++count, holes);
            }

            output.WriteLine($"{holes} holes: {count / Stopwatch.GetElapsedTime(began).TotalSeconds:F0} puzzles/s");
            Assert.True(holes > 54 || count / Stopwatch.GetElapsedTime(began).TotalSeconds > 20);
        }
    }

    private static byte[] Grid(long[] tokens) => [.. tokens.Select(token => (byte)(token - 1))];

    private static string Text(byte[] grid) => string.Concat(grid);

    private static void AssertGrid(byte[] grid, int size)
    {
        var box = size == 4 ? 2 : 3;
        var groups = Enumerable.Range(0, size * size)
            .SelectMany(cell => new[] { (0, cell / size), (1, cell % size), (2, (cell / size / box * box) + (cell % size / box)) }.Select(group => (group, Digit: grid[cell])))
            .GroupBy(entry => entry.group, entry => (int)entry.Digit);
        Assert.All(groups, group => Assert.Equal(Enumerable.Range(1, size), group.Order()));
    }
}
