using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <param name="Groups">Of the inputs that share a denominator; what they have in common with the inputs is taken, so that it divides these.</param>
/// <param name="Start">What the activation starts as.</param>
public sealed record RationalLayerSettings(int Inputs, int Outputs, int Groups, RationalStart Start)
{
    public int ResolvedGroups => (int)System.Numerics.BigInteger.GreatestCommonDivisor(Inputs, Groups);
}

/// <summary>A layer of GR-KAN (Yang and Wang 2024, arXiv:2409.10594): a <see cref="GroupRational"/> activation and a linear map after it.</summary>
public sealed class RationalLayer(RationalLayerSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters) : IBlockPart
{
    private readonly GroupRational activation = new($"{name}.act", parameters);
    private readonly Projection linear = new($"{name}.fc", parameters);

    /// <param name="initialization">Of the linear map's weight; its bias starts at 0.</param>
    internal static KanPart Define(RationalLayerSettings settings, string name, int context, Initialization initialization)
    {
        var inputs = (double)context * settings.Inputs;
        return new(
            [
                .. GroupRational.Parameters($"{name}.act", settings.ResolvedGroups, settings.Start),
                .. Projection.Parameters($"{name}.fc", settings.Outputs, settings.Inputs, bias: true, initialization),
            ],
            GroupRational.Cost(inputs) + new LayerCost(2 * inputs * settings.Outputs, inputs),
            values => new RationalLayer(settings, name, values));
    }

    /// <param name="input">(..., inputs).</param>
    /// <returns>(..., outputs).</returns>
    public Tensor Forward(Tensor input, Pass pass)
    {
        var rows = input.reshape(-1, settings.Inputs);
        return linear.Forward(activation.Forward(rows, pass), pass).view([.. input.shape[..^1], settings.Outputs]);
    }
}
