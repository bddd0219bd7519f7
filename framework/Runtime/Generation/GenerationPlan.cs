using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Generation;

/// <summary>A trained model cut into stages: what each of them knows.</summary>
/// <param name="Cuts">For each stage the range of its layers.</param>
/// <param name="Devices">One a stage.</param>
/// <param name="Load">Fills parameters by name; called on each stage's own thread with those of the stage.</param>
public sealed record GenerationPlan(
    ModelDefinition Model,
    IReadOnlyList<Range> Cuts,
    IReadOnlyList<Device> Devices,
    PrecisionSettings Precision,
    int ThreadsPerStage,
    TokenVocabulary Vocabulary,
    Action<IReadOnlyDictionary<string, Tensor>> Load)
{
    public int Stages => Cuts.Count;

    /// <summary>Tokens of a prompt that a stage takes at once: bounds its memory, and lets stages work on different pieces of a long prompt.</summary>
    internal int PieceLength { get; init; } = 256;

    /// <summary>How long nothing may happen before the run is given up.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(10);
}
