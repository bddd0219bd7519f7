using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Sudoku puzzles with one solution each, at every cell of which there is a target.</summary>
/// <param name="Size">Of the grid: 4 or 9.</param>
/// <param name="Holes">Blank cells; 11 at size 4 and 50 at size 9 without it.</param>
/// <param name="ValidationFraction">The share of the 288 grids of size 4, or of the base puzzles of size 9, that is kept for validation.</param>
/// <param name="Puzzles">Base puzzles at size 9, made at the beginning; 1000 without it. A training sample is one of them with digits, rows and
/// columns exchanged.</param>
public sealed record SudokuSettings(
    [Limits(4, 9)] int Size = 4,
    [Limits(1, 58)] int? Holes = null,
    [Limits(0, 1, ExcludeMinimum = true, ExcludeMaximum = true)] double ValidationFraction = 0.305,
    [Limits(2, 10_000_000)] int? Puzzles = null,
    string Kind = SudokuSettings.Name)
    : TaskSettings(Kind)
{
    public const string Name = "sudoku";

    /// <summary>A grid of size 4 needs 4 cells to tell its solution.</summary>
    private const int MostHolesAtSize4 = 12;

    internal override string? Problem() => this switch
    {
        { Size: not (4 or 9) } => Text($"data.size must be 4 or 9, not {Size}"),
        { Size: 4, Holes: > MostHolesAtSize4 } => Text($"data.holes must be at most {MostHolesAtSize4} when data.size is 4, not {Holes}"),
        { Size: 4, Puzzles: not null } => "data.puzzles is for size 9, and data.size is 4",
        _ => null,
    };

    internal override ISequenceTask Create(long seed) => new Sudoku(
        Size, seed, Size == 4 ? new SmallSudoku(this, seed) : new LargeSudoku(this, seed));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
