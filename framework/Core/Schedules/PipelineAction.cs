using System.Globalization;

namespace Pipeline.Core.Schedules;

/// <summary>One entry of a schedule; its text form is stage, letter, micro-batch: <c>2F0</c>.</summary>
public readonly record struct PipelineAction(int Stage, ActionKind Kind, int MicroBatch)
{
    private const string Letters = "FB";

    public static PipelineAction Forward(int stage, int microBatch) => new(stage, ActionKind.Forward, microBatch);

    public static PipelineAction Backward(int stage, int microBatch) => new(stage, ActionKind.Backward, microBatch);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Stage}{Letters[(int)Kind]}{MicroBatch}");

    /// <exception cref="FormatException">The text is not stage, letter, micro-batch.</exception>
    public static PipelineAction Parse(string text)
    {
        var at = text.AsSpan().IndexOfAny(Letters);
        if (at > 0
            && int.TryParse(text.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture, out var stage)
            && int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var microBatch))
        {
            return new(stage, (ActionKind)Letters.IndexOf(text[at], StringComparison.Ordinal), microBatch);
        }

        throw new FormatException($"\"{text}\" is not an action; an action is stage, {string.Join(" or ", Letters.AsEnumerable())}, micro-batch, as in 2F0.");
    }
}
