using System.Globalization;

namespace Pipeline.Core.Schedules;

/// <summary>One entry of a schedule; its text form is stage, letter, micro-batch: <c>2F0</c>.</summary>
public readonly record struct PipelineAction(int Stage, ActionKind Kind, int MicroBatch)
{
    internal const string Letters = "FBIW";

    public static PipelineAction Forward(int stage, int microBatch) => new(stage, ActionKind.Forward, microBatch);

    public static PipelineAction Backward(int stage, int microBatch) => new(stage, ActionKind.Backward, microBatch);

    public static PipelineAction InputGradient(int stage, int microBatch) => new(stage, ActionKind.InputGradient, microBatch);

    public static PipelineAction WeightGradient(int stage, int microBatch) => new(stage, ActionKind.WeightGradient, microBatch);

    /// <summary>It computes the gradient of the stage's input: <c>B</c> or <c>I</c>.</summary>
    public bool GivesInputGradient => Kind is ActionKind.Backward or ActionKind.InputGradient;

    /// <summary>It adds to the gradients of the stage's weights, and is the last that needs the micro-batch's activations: <c>B</c> or <c>W</c>.</summary>
    public bool GivesWeightGradient => Kind is ActionKind.Backward or ActionKind.WeightGradient;

    /// <summary>How many more activations are alive after it: they live from their forward to the end of <c>B</c> or <c>W</c>.</summary>
    public int ActivationsAdded => Kind == ActionKind.Forward ? 1 : GivesWeightGradient ? -1 : 0;

    /// <summary>What must have come from another stage before the action can start; null at the pipeline's two ends and for <c>W</c>.</summary>
    /// <param name="stages">Stages of the whole pipeline.</param>
    public HandOver? Needs(int stages) => Kind switch
    {
        ActionKind.Forward when Stage > 0 => new(HandOverKind.Activation, Stage, MicroBatch),
        ActionKind.Backward or ActionKind.InputGradient when Stage < stages - 1 => new(HandOverKind.Gradient, Stage, MicroBatch),
        _ => null,
    };

    /// <summary>What the action leaves for another stage; null at the pipeline's two ends and for <c>W</c>.</summary>
    /// <param name="stages">Stages of the whole pipeline.</param>
    public HandOver? Gives(int stages) => Kind switch
    {
        ActionKind.Forward when Stage < stages - 1 => new(HandOverKind.Activation, Stage + 1, MicroBatch),
        ActionKind.Backward or ActionKind.InputGradient when Stage > 0 => new(HandOverKind.Gradient, Stage - 1, MicroBatch),
        _ => null,
    };

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

        throw new FormatException($"\"{text}\" is not an action; an action is stage, F, B, I or W, micro-batch, as in 2F0.");
    }
}
