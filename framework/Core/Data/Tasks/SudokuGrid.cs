using System.Numerics;

namespace Pipeline.Core.Data.Tasks;

/// <summary>A Sudoku grid with the digits that its rows, columns and boxes have, as bits: an exact search that fills the cell with the fewest
/// candidates first.</summary>
internal sealed class SudokuGrid
{
    private readonly int size;
    private readonly int box;
    private readonly int all;
    private readonly byte[] cells;
    private readonly int[] rows;
    private readonly int[] columns;
    private readonly int[] boxes;

    /// <param name="size">4 or 9.</param>
    /// <param name="grid">Row by row, 0 for a blank; no digit is twice in a row, column or box.</param>
    public SudokuGrid(int size, ReadOnlySpan<byte> grid)
    {
        this.size = size;
        box = size == 4 ? 2 : 3;
        all = ((1 << size) - 1) << 1;
        (cells, rows, columns, boxes) = (new byte[size * size], new int[size], new int[size], new int[size]);
        for (var cell = 0; cell < grid.Length; cell++)
        {
            if (grid[cell] != 0)
            {
                Put(cell, grid[cell]);
            }
        }
    }

    /// <summary>Every full grid, in ascending order.</summary>
    public static IReadOnlyList<byte[]> All(int size)
    {
        var (grid, found) = (new SudokuGrid(size, []), new List<byte[]>());
        Next(0);
        return found;

        void Next(int cell)
        {
            if (cell == grid.cells.Length)
            {
                found.Add([.. grid.cells]);
                return;
            }

            for (var left = grid.Candidates(cell); left != 0; left &= left - 1)
            {
                grid.Put(cell, BitOperations.TrailingZeroCount(left));
                Next(cell + 1);
                grid.Take(cell);
            }
        }
    }

    /// <summary>Fills the blanks at random.</summary>
    /// <param name="grid">Gets all cells.</param>
    /// <returns>Whether there is a solution.</returns>
    public bool Fill(ref RandomStream random, Span<byte> grid)
    {
        var done = Fill(ref random);
        cells.CopyTo(grid);
        return done;
    }

    /// <summary>Blanks cells of a full grid, in random order, each that leaves it one solution.</summary>
    /// <param name="grid">Gets all cells.</param>
    /// <returns>Whether there are so many holes.</returns>
    public bool Dig(int holes, ref RandomStream random, Span<byte> grid)
    {
        Span<byte> order = stackalloc byte[cells.Length];
        for (var cell = 0; cell < order.Length; cell++)
        {
            order[cell] = (byte)cell;
        }

        random.Shuffle(order);
        var dug = 0;
        for (var next = 0; next < order.Length && dug < holes; next++)
        {
            var digit = cells[order[next]];
            Take(order[next]);
            if (HasOther(order[next], digit))
            {
                Put(order[next], digit);
            }
            else
            {
                dug++;
            }
        }

        cells.CopyTo(grid);
        return dug == holes;
    }

    /// <summary>The solutions, at most <paramref name="most"/> counted.</summary>
    public int Solutions(int most)
    {
        var (cell, candidates) = Tightest();
        if (cell < 0)
        {
            return 1;
        }

        var count = 0;
        for (var left = candidates; left != 0 && count < most; left &= left - 1)
        {
            Put(cell, BitOperations.TrailingZeroCount(left));
            count += Solutions(most - count);
            Take(cell);
        }

        return count;
    }

    /// <summary>There is a solution with another digit in a blank.</summary>
    private bool HasOther(int cell, int digit)
    {
        for (var left = Candidates(cell) & ~(1 << digit); left != 0; left &= left - 1)
        {
            Put(cell, BitOperations.TrailingZeroCount(left));
            var solved = Solutions(1) > 0;
            Take(cell);
            if (solved)
            {
                return true;
            }
        }

        return false;
    }

    private bool Fill(ref RandomStream random)
    {
        var (cell, left) = Tightest();
        if (cell < 0)
        {
            return true;
        }

        for (; left != 0;)
        {
            var skipped = left;
            for (var skip = random.Below(BitOperations.PopCount((uint)left)); skip > 0; skip--)
            {
                skipped &= skipped - 1;
            }

            var digit = BitOperations.TrailingZeroCount(skipped);
            Put(cell, digit);
            if (Fill(ref random))
            {
                return true;
            }

            Take(cell);
            left &= ~(1 << digit);
        }

        return false;
    }

    /// <summary>The first blank with the fewest candidates; -1 where there is none.</summary>
    private (int Cell, int Candidates) Tightest()
    {
        var (best, candidates, fewest) = (-1, 0, int.MaxValue);
        for (var cell = 0; cell < cells.Length; cell++)
        {
            if (cells[cell] == 0 && Candidates(cell) is var here && BitOperations.PopCount((uint)here) is var count && count < fewest)
            {
                (best, candidates, fewest) = (cell, here, count);
                if (count < 2)
                {
                    break;
                }
            }
        }

        return (best, candidates);
    }

    private int Candidates(int cell) => all & ~(rows[cell / size] | columns[cell % size] | boxes[BoxOf(cell)]);

    private void Put(int cell, int digit)
    {
        cells[cell] = (byte)digit;
        Flip(cell, 1 << digit);
    }

    private void Take(int cell)
    {
        Flip(cell, 1 << cells[cell]);
        cells[cell] = 0;
    }

    private void Flip(int cell, int bit)
    {
        rows[cell / size] ^= bit;
        columns[cell % size] ^= bit;
        boxes[BoxOf(cell)] ^= bit;
    }

    private int BoxOf(int cell) => (cell / size / box * box) + (cell % size / box);
}
