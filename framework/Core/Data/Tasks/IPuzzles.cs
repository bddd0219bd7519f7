namespace Pipeline.Core.Data.Tasks;

/// <summary>Where Sudoku puzzles come from.</summary>
internal interface IPuzzles
{
    /// <summary>Makes one puzzle.</summary>
    /// <param name="random">Of the sample.</param>
    /// <param name="puzzle">The grid row by row, 0 where a cell is blank.</param>
    /// <param name="solution">The grid row by row.</param>
    void Make(bool validation, long index, ref RandomStream random, Span<byte> puzzle, Span<byte> solution);
}
