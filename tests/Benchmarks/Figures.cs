namespace Pipeline.Benchmarks;

internal static class Figures
{
    public static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted
        ? (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2
        : 0;
}
