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
}

/// <summary>The words a string setting may take (for a list: each of its elements).</summary>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class OneOfAttribute(params string[] words) : Attribute
{
    public IReadOnlyList<string> Words => words;
}
