namespace Pipeline.Core.Optimization;

/// <summary>The inner products that L-BFGS needs of each step, in a fixed order: g is the gradient, d the direction, y the gradient less that at the line's
/// start, s_i and y_i the remembered pairs, oldest first.</summary>
/// <param name="Values">g g, the sum of |g|, g d, y y, y d, y g; then of each pair s_i g, s_i y, y_i g, y_i y.</param>
public readonly record struct LbfgsProducts(IReadOnlyList<double> Values)
{
    private const int First = 6;
    private const int OfAPair = 4;

    public double GradientGradient => Values[0];

    public double GradientSum => Values[1];

    public double GradientDirection => Values[2];

    public double ChangeChange => Values[3];

    public double ChangeDirection => Values[4];

    public double ChangeGradient => Values[5];

    public double StepGradient(int pair) => Values[First + (OfAPair * pair)];

    public double StepChange(int pair) => Values[First + (OfAPair * pair) + 1];

    public double ChangeGradientOf(int pair) => Values[First + (OfAPair * pair) + 2];

    public double ChangeChangeOf(int pair) => Values[First + (OfAPair * pair) + 3];

    /// <summary>Over all parameters: added in the order of names, so that the layout cannot change a bit.</summary>
    /// <param name="parts">Of one name in a fixed order: it is kept.</param>
    public static LbfgsProducts Sum(IEnumerable<KeyValuePair<string, IReadOnlyList<double>>> parts)
    {
        double[]? sum = null;
        foreach (var (_, values) in parts.OrderBy(part => part.Key, StringComparer.Ordinal))
        {
            sum ??= new double[values.Count];
            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] += values[i];
            }
        }

        return new(sum ?? []);
    }
}
