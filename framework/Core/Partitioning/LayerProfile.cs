using Pipeline.Core.Jobs;

namespace Pipeline.Core.Partitioning;

/// <summary>What one layer costs: measured on a device, or written down by the user.</summary>
/// <param name="Forward">Seconds of one micro-batch.</param>
/// <param name="InputGradient">Seconds of one micro-batch.</param>
/// <param name="WeightGradient">Seconds of one micro-batch.</param>
/// <param name="Optimizer">Seconds of a step: gradient norm and update of the layer's parameters.</param>
/// <param name="InputBytes">Of one micro-batch's input.</param>
/// <param name="ActivationBytes">What a forward of one micro-batch keeps for the backward.</param>
/// <param name="ParameterBytes">The parameters alone.</param>
/// <param name="TiedBytes">Of these, copies of another layer's parameters, which have no optimizer.</param>
public sealed record LayerProfile(
    string Name,
    double Forward,
    double InputGradient,
    double WeightGradient,
    double Optimizer,
    long InputBytes,
    long ActivationBytes,
    long ParameterBytes,
    long TiedBytes = 0)
{
    /// <summary>Seconds of one micro-batch in all.</summary>
    internal double Total => Forward + InputGradient + WeightGradient;

    /// <summary>Parameters and gradients, averages if there are any, and the optimizer's state of the parameters that are not copies.</summary>
    /// <param name="shards">Replicas that share the optimizer's state.</param>
    internal long StateBytes(int shards, OptimizerSettings optimizer) =>
        ((optimizer.Ema > 0 ? 3 : 2) * ParameterBytes) + (optimizer.States * (ParameterBytes - TiedBytes) / shards);
}
