using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>Linear least squares by Householder's reflections (Golub and Van Loan, Matrix Computations, algorithm 5.3.2), added up in one order always:
/// LAPACK's answer to the same question differs in its last bits from call to call, with where its memory lies.</summary>
internal static class LeastSquares
{
    /// <param name="left">float64 (problems, rows, unknowns), of full column rank.</param>
    /// <param name="right">float64 (problems, rows, columns).</param>
    /// <returns>float64 (problems, unknowns, columns): what makes the sum of squares of <c>left x - right</c> least.</returns>
    public static Tensor Solve(Tensor left, Tensor right)
    {
        var (problems, rows, unknowns, columns) = (left.shape[0], (int)left.shape[1], (int)left.shape[2], (int)right.shape[2]);
        // Column by column: each reflection goes along columns.
        var system = cat([left, right], 2).transpose(1, 2).cpu().contiguous().data<double>().ToArray();
        var solution = new double[problems * unknowns * columns];
        var size = rows * (unknowns + columns);
        for (var problem = 0; problem < problems; problem++)
        {
            var matrix = system.AsSpan(problem * size, size);
            Reflect(matrix, rows, unknowns, unknowns + columns);
            Substitute(matrix, rows, unknowns, columns, solution.AsSpan(problem * unknowns * columns, unknowns * columns));
        }

        return tensor(solution, [problems, unknowns, columns], device: left.device);
    }

    /// <summary>Makes the first columns upper triangular.</summary>
    /// <param name="matrix">Columns of so many rows.</param>
    private static void Reflect(Span<double> matrix, int rows, int triangular, int columns)
    {
        for (var k = 0; k < triangular; k++)
        {
            var pivot = matrix.Slice((k * rows) + k, rows - k);
            var norm = Math.Sqrt(Dot(pivot, pivot));
            if (norm == 0)
            {
                continue;
            }

            var diagonal = pivot[0] > 0 ? -norm : norm;
            pivot[0] -= diagonal;
            var scale = 2 / Dot(pivot, pivot);
            for (var other = k + 1; other < columns; other++)
            {
                var column = matrix.Slice((other * rows) + k, rows - k);
                var factor = scale * Dot(pivot, column);
                for (var row = 0; row < column.Length; row++)
                {
                    column[row] -= factor * pivot[row];
                }
            }

            pivot.Clear();
            pivot[0] = diagonal;
        }
    }

    /// <param name="solution">(unknowns, columns), row by row.</param>
    private static void Substitute(ReadOnlySpan<double> matrix, int rows, int unknowns, int columns, Span<double> solution)
    {
        for (var column = 0; column < columns; column++)
        {
            for (var k = unknowns - 1; k >= 0; k--)
            {
                var sum = matrix[((unknowns + column) * rows) + k];
                for (var known = k + 1; known < unknowns; known++)
                {
                    sum -= matrix[(known * rows) + k] * solution[(known * columns) + column];
                }

                solution[(k * columns) + column] = sum / matrix[(k * rows) + k];
            }
        }
    }

    private static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        var sum = 0.0;
        for (var i = 0; i < left.Length; i++)
        {
            sum += left[i] * right[i];
        }

        return sum;
    }
}
