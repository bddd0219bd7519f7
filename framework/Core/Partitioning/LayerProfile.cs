namespace Pipeline.Core.Partitioning;

/// <summary>What one layer costs: measured on a device, or written down by the user.</summary>
/// <param name="Forward">Seconds of one micro-batch.</param>
/// <param name="InputGradient">Seconds of one micro-batch.</param>
/// <param name="WeightGradient">Seconds of one micro-batch.</param>
/// <param name="Optimizer">Seconds of a step: gradient norm and update of the layer's parameters.</param>
/// <param name="InputBytes">Of one micro-batch's input.</param>
/// <param name="ActivationBytes">What a forward of one micro-batch keeps for the backward.</param>
/// <param name="ParameterBytes">The parameters alone.</param>
public sealed record LayerProfile(
    string Name,
    double Forward,
    double InputGradient,
    double WeightGradient,
    double Optimizer,
    long InputBytes,
    long ActivationBytes,
    long ParameterBytes)
{
    /// <summary>Seconds of one micro-batch in all.</summary>
    public double Total => Forward + InputGradient + WeightGradient;

    /// <summary>Parameters, gradients, and two optimizer moments.</summary>
    public long StateBytes => 4 * ParameterBytes;

    /// <summary>As it is when only its input is kept and it runs forward again before its backward.</summary>
    public LayerProfile Recomputed => this with { InputGradient = InputGradient + Forward, ActivationBytes = InputBytes };
}
