namespace Pipeline.Core.Data.Tasks;

/// <summary>Puzzles of size 4: a grid that training has is no grid of validation. Digits and rows are not exchanged, which would make one of the other.</summary>
internal sealed class SmallSudoku : IPuzzles
{
    private const int Size = 4;

    private readonly int holes;

    /// <param name="seed">Decides which grids are for validation.</param>
    public SmallSudoku(SudokuSettings settings, long seed)
    {
        holes = settings.Holes ?? 11;
        var grids = SudokuGrid.All(Size).ToArray();
        new RandomStream(Seeds.Derive(seed, "sudoku.split")).Shuffle<byte[]>(grids);
        var held = HeldOut(grids.Length, settings.ValidationFraction);
        (Validation, Training) = (grids[..held], grids[held..]);
    }

    public IReadOnlyList<byte[]> Training { get; }

    public IReadOnlyList<byte[]> Validation { get; }

    /// <summary>How many of so many are for validation: the nearest number, and some for both.</summary>
    public static int HeldOut(int count, double fraction) => Math.Clamp((int)Math.Round(count * fraction), 1, count - 1);

    public void Make(bool validation, long index, ref RandomStream random, Span<byte> puzzle, Span<byte> solution)
    {
        var grid = validation ? Validation[(int)(index % Validation.Count)] : Training[random.Below(Training.Count)];
        grid.CopyTo(solution);
        do
        {
            grid.CopyTo(puzzle);
        }
        while (!new SudokuGrid(Size, puzzle).Dig(holes, ref random, puzzle));
    }
}
