using System.Globalization;

namespace Pipeline.Core.Configuration;

/// <summary>The values a numeric setting may take (for a list: each of its elements). Bounds are inclusive unless said otherwise.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class LimitsAttribute(double minimum, double maximum = double.PositiveInfinity) : Attribute
{
    public double Minimum => minimum;

    public double Maximum => maximum;

    /// <summary>The minimum itself is not allowed ("greater than").</summary>
    public bool ExcludeMinimum { get; init; }

    /// <summary>The maximum itself is not allowed ("less than").</summary>
    public bool ExcludeMaximum { get; init; }

    public bool Allow(double value) =>
        (ExcludeMinimum ? value > minimum : value >= minimum) && (ExcludeMaximum ? value < maximum : value <= maximum);

    /// <summary>The kind of number with its bounds: "a number of at least 0 and less than 1".</summary>
    public string Describe(string kind)
    {
        if (minimum == maximum)
        {
            return Number(minimum);
        }

        var lower = double.IsInfinity(minimum) ? "" : $" {(ExcludeMinimum ? "greater than" : "of at least")} {Number(minimum)}";
        var upper = double.IsInfinity(maximum) ? "" : $" {(ExcludeMaximum ? "less than" : "at most")} {Number(maximum)}";
        return kind + lower + (lower.Length > 0 && upper.Length > 0 ? " and" : "") + upper;
    }

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}
