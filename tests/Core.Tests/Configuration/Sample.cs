using Pipeline.Core.Configuration;

namespace Pipeline.Core.Tests.Configuration;

/// <summary>A record with every type a setting may have.</summary>
public sealed record Sample(
    SampleSection Section,
    string Text,
    [OneOf("red", "green")] string Color = "red",
    [Limits(0, 10)] int Whole = 1,
    long Long = 2,
    [Limits(0, 1, ExcludeMinimum = true, ExcludeMaximum = true)] double Share = 0.5,
    double Number = 3,
    bool Flag = true,
    [OneOf("red", "green")] IReadOnlyList<string>? Colors = null,
    IReadOnlyList<string>? Texts = null,
    [Limits(1)] IReadOnlyList<int>? Counts = null,
    IReadOnlyList<double>? Numbers = null);

public sealed record SampleSection(int Low = 0, int High = 9, string? Nothing = null) : ICheckedSettings
{
    public string? Problem() => Low <= High ? null : "section.low must be at most section.high";
}
