using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Training;

/// <summary>How a stage spends a step: busy, or in the bubble.</summary>
/// <param name="Bubble">The share in which it is idle.</param>
/// <param name="Transfers">The part of it in which a hand-over was under way.</param>
internal readonly record struct StageShare(double Bubble, double Transfers)
{
    public static StageShare Of(StageMetrics stage, double stepSeconds) => new(stage.Bubble, stage.TransferSeconds / stepSeconds);

    public static StageShare Mean(IReadOnlyCollection<StageShare> stages) =>
        new(stages.Average(stage => stage.Bubble), stages.Average(stage => stage.Transfers));

    public StageShare Towards(StageShare other, double weight) =>
        new(Bubble + ((other.Bubble - Bubble) * weight), Transfers + ((other.Transfers - Transfers) * weight));
}
