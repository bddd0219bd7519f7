using System.Globalization;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>Consecutive layers of a stage that keep their activations together, or that keep only their input and run forward again
/// before their backward (activation recompute, Chen et al. 2016, arXiv:1604.06174).</summary>
/// <param name="Run">The layers, and after the model's last one the loss.</param>
internal sealed record Segment(Func<Tensor, Pass, Tensor> Run, bool Recompute)
{
    /// <param name="layers">Of one stage.</param>
    /// <param name="first">The first one's index in the model, which is 0 for the embedding.</param>
    /// <param name="blocks">Layers between the model's embedding and head.</param>
    /// <param name="rule"><c>none</c>, <c>stage</c> (all of it), or n: every n-th block of the model.</param>
    /// <param name="end">What follows the last layer; the identity on stages without a loss.</param>
    public static IReadOnlyList<Segment> Cut(
        IReadOnlyList<Layer> layers, int first, int blocks, string rule, Func<Tensor, Pass, Tensor> end)
    {
        if (rule is "none" or "stage")
        {
            return [Of(layers, end, rule == "stage")];
        }

        var every = int.Parse(rule, CultureInfo.InvariantCulture);
        var segments = new List<Segment>();
        for (var (start, next) = (0, 0); start < layers.Count; start = next)
        {
            var recompute = IsRecomputed(first + start);
            do
            {
                next++;
            }
            while (!recompute && next < layers.Count && !IsRecomputed(first + next));
            segments.Add(Of([.. layers.Take(start..next)], next == layers.Count ? end : (output, _) => output, recompute));
        }

        return segments;

        bool IsRecomputed(int index) => index > 0 && index <= blocks && index % every == 0;
    }

    private static Segment Of(IReadOnlyList<Layer> layers, Func<Tensor, Pass, Tensor> end, bool recompute) =>
        new((input, pass) => end(layers.Aggregate(input, (value, layer) => layer.Forward(value, pass)), pass), recompute);
}
