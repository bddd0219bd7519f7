using Pipeline.Core.Partitioning;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>Consecutive layers of a stage that keep their activations together, or that keep only their input and run forward again
/// before their backward (activation recompute, Chen et al. 2016, arXiv:1604.06174).</summary>
/// <param name="Run">The layers, and after the model's last one the loss.</param>
internal sealed record Segment(Func<Tensor, Pass, Tensor> Run, bool Recompute)
{
    /// <param name="layers">Of one stage.</param>
    /// <param name="first">The first one's index in the model.</param>
    /// <param name="modelLayers">Layers of the whole model.</param>
    /// <param name="end">What follows the last layer; the identity on stages without a loss.</param>
    public static IReadOnlyList<Segment> Cut(
        IReadOnlyList<Layer> layers, int first, int modelLayers, RecomputeRule rule, Func<Tensor, Pass, Tensor> end)
    {
        var segments = new List<Segment>();
        for (var (start, next) = (0, 0); start < layers.Count; start = next)
        {
            var recompute = rule.Covers(first + start, modelLayers);
            do
            {
                next++;
            }
            while (!recompute && next < layers.Count && !rule.Covers(first + next, modelLayers));
            segments.Add(Of([.. layers.Take(start..next)], next == layers.Count ? end : (output, _) => output, recompute || rule.WholeStage));
        }

        return segments;
    }

    private static Segment Of(IReadOnlyList<Layer> layers, Func<Tensor, Pass, Tensor> end, bool recompute) =>
        new((input, pass) => end(layers.Aggregate(input, (value, layer) => layer.Forward(value, pass)), pass), recompute);
}
