namespace Pipeline.Core.Data.Tasks;

/// <summary>Puzzles of size 9. Digging holes that leave one solution takes too long to do it for every sample, so base puzzles are made at the first
/// read, on all cores; a training sample is one of those for training with digits, rows, columns and sides exchanged, which keeps it a puzzle.</summary>
internal sealed class LargeSudoku(SudokuSettings settings, long seed) : IPuzzles
{
    private const int Size = 9;
    private const int Cells = Size * Size;

    private readonly Lazy<(byte[] Puzzle, byte[] Solution)[]> puzzles = new(() => Generate(settings, seed));
    private readonly int held = SmallSudoku.HeldOut(settings.Puzzles ?? 1000, settings.ValidationFraction);

    public IReadOnlyList<(byte[] Puzzle, byte[] Solution)> Puzzles => puzzles.Value;

    public void Make(bool validation, long index, ref RandomStream random, Span<byte> puzzle, Span<byte> solution)
    {
        if (validation)
        {
            var (given, solved) = puzzles.Value[index % held];
            given.CopyTo(puzzle);
            solved.CopyTo(solution);
            return;
        }

        var (one, answer) = puzzles.Value[held + random.Below(puzzles.Value.Length - held)];
        Span<byte> digits = stackalloc byte[Size + 1];
        for (byte digit = 1; digit <= Size; digit++)
        {
            digits[digit] = digit;
        }

        random.Shuffle(digits[1..]);
        Span<int> rows = stackalloc int[Size], columns = stackalloc int[Size];
        Exchange(rows, ref random);
        Exchange(columns, ref random);
        var (down, right) = random.Below(2) == 0 ? (Size, 1) : (1, Size);
        for (var cell = 0; cell < Cells; cell++)
        {
            var from = (rows[cell / Size] * down) + (columns[cell % Size] * right);
            (puzzle[cell], solution[cell]) = (digits[one[from]], digits[answer[from]]);
        }
    }

    /// <summary>One base puzzle: a function of seed and index.</summary>
    internal static (byte[] Puzzle, byte[] Solution) Generate(long seed, int index, int holes)
    {
        var random = new RandomStream(Seeds.Derive((long)Seeds.Derive(seed, "sudoku.puzzles"), 0, index));
        var (puzzle, solution) = (new byte[Cells], new byte[Cells]);
        do
        {
            Array.Clear(solution);
            new SudokuGrid(Size, solution).Fill(ref random, solution);
            solution.CopyTo(puzzle.AsSpan());
        }
        while (!new SudokuGrid(Size, puzzle).Dig(holes, ref random, puzzle));

        return (puzzle, solution);
    }

    private static (byte[] Puzzle, byte[] Solution)[] Generate(SudokuSettings settings, long seed)
    {
        var made = new (byte[], byte[])[settings.Puzzles ?? 1000];
        Parallel.For(0, made.Length, index => made[index] = Generate(seed, index, settings.Holes ?? 50));
        return made;
    }

    /// <summary>An order of rows that keeps bands together.</summary>
    private static void Exchange(Span<int> rows, ref RandomStream random)
    {
        Span<int> bands = [0, 1, 2];
        random.Shuffle(bands);
        for (var band = 0; band < 3; band++)
        {
            Span<int> within = [0, 1, 2];
            random.Shuffle(within);
            for (var row = 0; row < 3; row++)
            {
                rows[(3 * band) + row] = (3 * bands[band]) + within[row];
            }
        }
    }
}
