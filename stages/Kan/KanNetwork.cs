using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Kan;

/// <summary>A Kolmogorov-Arnold network of its own: a regression of real numbers. A layer's names are those of efficient-kan, fast-kan and
/// KAT.</summary>
public sealed class KanNetwork : IArchitecture
{
    public string Name => "kan";

    public Type Settings => typeof(KanSettings);

    /// <param name="vocabulary">Has no meaning here.</param>
    public ModelDefinition Define(ModelSettings settings, int vocabulary) => Define((KanSettings)settings, refinements: 0);

    private static ModelDefinition Define(KanSettings settings, int refinements) => new(
        [KanEnd.Define("input"), .. Enumerable.Range(0, settings.Layers).Select(index => Layer(settings, refinements, index)), KanEnd.Define("output")],
        SquaredError.Instance)
    {
        IsCausal = false,
        Regression = (settings.Widths[0], settings.Widths[^1]),
        ComputesInFloat64 = true,
        Adaptation = settings.Adaptation(settings.Grids[refinements]),
        Growth = refinements + 1 < settings.Grids.Count ? (settings.RefineEvery * (refinements + 1), Define(settings, refinements + 1)) : null,
    };

    private static LayerDefinition Layer(KanSettings settings, int refinements, int index)
    {
        var (name, inputs, outputs) = ($"layers.{index}", settings.Widths[index], settings.Widths[index + 1]);
        var (low, high) = settings.ResolvedRange;
        switch (settings.Kind)
        {
            case "gaussian":
                return Of(name, GaussianLayer.Define(new(inputs, outputs, settings.Gaussians, low, high, settings.LayerNorm), name, settings.Context));
            case "rational":
                var start = index == 0 ? GroupRational.Identity : GroupRational.Swish;
                return Of(name, RationalLayer.Define(
                    new(inputs, outputs, settings.Groups, start), name, settings.Context, Initialization.UniformByInputs(inputs)));
            default:
                var spline = new SplineLayerSettings(inputs, outputs, settings.Grids[refinements], settings.Order, low, high, settings.GridEps);
                return Of(name, SplineLayer.Define(spline, name, settings.Context)) with
                {
                    Grow = refinements == 0 ? null : before => SplineLayer.Grown(spline, name, before),
                };
        }
    }

    private static LayerDefinition Of(string name, KanPart part) => new(name, part.Parameters, part.Cost, values => new KanLayer(part.Build(values)));
}
