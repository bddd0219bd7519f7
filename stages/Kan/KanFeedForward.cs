using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <param name="Inner">Outputs of the first layer.</param>
/// <param name="Kind">As <see cref="KanSettings.Kind"/>.</param>
/// <param name="Grid">Intervals of each spline.</param>
/// <param name="EvenShare">Of even knots in a spline's grid that adapts.</param>
public sealed record KanFeedForwardSettings(int Width, int Inner, string Kind, int Grid, double EvenShare)
{
    internal const int Order = 3, Gaussians = 8, Groups = 8;

    /// <summary>What comes in is normed.</summary>
    internal const double Low = -2, High = 2;

    /// <summary>So many that a feed-forward has nearly the parameters of two matrices to and from four widths.</summary>
    public static int DefaultInner(int width, string kind, int grid)
    {
        var ofEdge = kind switch { "rational" => 1, "gaussian" => Gaussians + 1, _ => grid + Order + 2 };
        return Math.Max(1, 4 * width / ofEdge);
    }
}

/// <summary>Two Kolmogorov-Arnold layers, width to inner to width, as the feed-forward of a block. With rational activations it is KAT's (Yang and Wang
/// 2024, arXiv:2409.10594): act1, which starts as the identity, fc1, act2, which starts as swish, fc2.</summary>
public sealed class KanFeedForward(IBlockPart first, IBlockPart second) : IBlockPart
{
    public IReadOnlyList<(string Name, IEdgeFunctions Functions)> EdgeFunctions => [.. first.EdgeFunctions, .. second.EdgeFunctions];

    /// <param name="initialization">Of matrices to the inner width, and of Gaussians.</param>
    /// <param name="residual">Of those back.</param>
    /// <param name="residualScale">What splines back start smaller by.</param>
    internal static KanPart Define(
        KanFeedForwardSettings settings, string name, int context, Initialization initialization, Initialization residual, double residualScale)
    {
        var (width, inner) = (settings.Width, settings.Inner);
        var (first, second) = (Layer("0", width, inner, initialization, 1), Layer("1", inner, width, residual, residualScale));
        return new(
            [.. first.Parameters, .. second.Parameters], first.Cost + second.Cost, values => new KanFeedForward(first.Build(values), second.Build(values)));

        KanPart Layer(string index, int inputs, int outputs, Initialization start, double scale) => settings.Kind switch
        {
            "rational" => RationalLayer.Define(
                new(inputs, outputs, KanFeedForwardSettings.Groups, index == "0" ? GroupRational.Identity : GroupRational.Swish), $"{name}.{index}", context, start),
            "gaussian" => GaussianLayer.Define(
                new(inputs, outputs, KanFeedForwardSettings.Gaussians, KanFeedForwardSettings.Low, KanFeedForwardSettings.High, Norm: true), $"{name}.{index}", context, start),
            _ => SplineLayer.Define(
                new(inputs, outputs, settings.Grid, KanFeedForwardSettings.Order, KanFeedForwardSettings.Low, KanFeedForwardSettings.High, settings.EvenShare),
                $"{name}.{index}", context, scale),
        };
    }

    public Tensor Forward(Tensor input, Pass pass) => second.Forward(first.Forward(input, pass), pass);

    public IReadOnlyList<string> Adapt(Tensor input, Pass pass)
    {
        string[] changed = [.. first.Adapt(input, pass)];
        return [.. changed, .. second.Adapt(first.Forward(input, pass), pass)];
    }
}
