using System.Globalization;

namespace Pipeline.Core.Partitioning;

/// <summary>Which layers keep only their input and run forward again before their backward (activation recompute, Chen et al. 2016,
/// arXiv:1604.06174): <c>parallel.recompute</c>.</summary>
public sealed class RecomputeRule
{
    private readonly int every;

    /// <param name="text"><c>none</c>, <c>stage</c>, or n for every n-th of the layers between embedding and head.</param>
    public RecomputeRule(string text)
    {
        WholeStage = text == "stage";
        every = text is "none" or "stage" ? 0 : int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    /// <summary>A stage keeps its input alone.</summary>
    public bool WholeStage { get; }

    public static bool IsRule(string text) => text is "none" or "stage"
        || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0);

    /// <summary>The layer is recomputed by itself.</summary>
    /// <param name="layer">Its index in the model; 0 is the embedding.</param>
    /// <param name="layers">Of the whole model, embedding and head included.</param>
    public bool Covers(int layer, int layers) => every > 0 && layer > 0 && layer < layers - 1 && layer % every == 0;
}
