using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Inspect.Steps;

/// <summary>How a kind of action looks in every chart.</summary>
/// <param name="Dark">Text on it is white.</param>
internal sealed record ActionPaint(string Name, byte Red, byte Green, byte Blue, bool Dark)
{
    public static readonly IReadOnlyList<ActionPaint> All =
    [
        new("forward", 0x3B, 0x6F, 0xB0, true),
        new("backward", 0x3F, 0x9B, 0x5B, true),
        new("input gradient", 0x79, 0xC2, 0xBC, false),
        new("weight gradient", 0xF0, 0xC4, 0x4C, false),
        new("optimizer", 0xA2, 0x6B, 0x9C, true),
    ];

    /// <param name="kind">Null for the optimizer.</param>
    public static ActionPaint Of(ActionKind? kind) => kind switch
    {
        ActionKind.Forward => All[0],
        ActionKind.Backward => All[1],
        ActionKind.InputGradient => All[2],
        ActionKind.WeightGradient => All[3],
        _ => All[4],
    };
}
