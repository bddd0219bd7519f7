namespace Pipeline.Core.Data.Tasks;

/// <summary>Puzzles as tokens: 0 is padding, which never occurs, 1 a blank, digit d is d + 1 (as Wang et al. 2025, arXiv:2506.21734, have them).
/// The targets are the whole solution, given cells included.</summary>
internal sealed class Sudoku(int size, long seed, IPuzzles puzzles) : ISequenceTask
{
    public int Vocabulary => size + 2;

    public int Length => size * size;

    public int TargetsPerSequence => Length;

    public void Generate(bool validation, long index, Span<long> inputs, Span<long> targets)
    {
        var random = RandomStream.Of(seed, SudokuSettings.Name, validation, index);
        Span<byte> puzzle = stackalloc byte[Length], solution = stackalloc byte[Length];
        puzzles.Make(validation, index, ref random, puzzle, solution);
        for (var cell = 0; cell < Length; cell++)
        {
            (inputs[cell], targets[cell]) = (puzzle[cell] + 1, solution[cell] + 1);
        }
    }
}
