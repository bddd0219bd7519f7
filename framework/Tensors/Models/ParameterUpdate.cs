namespace Pipeline.Tensors.Models;

/// <summary>What changes a parameter other than the job's optimizer. Such a parameter is saved and restored like any, but it is not counted, has no
/// part in the gradient's norm, and no optimizer state.</summary>
public abstract record ParameterUpdate
{
    private ParameterUpdate()
    {
    }

    /// <summary>State: only its own layer changes it, between steps (<see cref="Layer.Adapt"/>), if anything does.</summary>
    public static ParameterUpdate Fixed { get; } = new NoUpdate();

    /// <summary>After each step <c>value = value (1 - rate decay) - rate sign(gradient)</c> (SignSGD, Bernstein et al. 2018, arXiv:1802.04434).</summary>
    public static ParameterUpdate SignDescent(double rate, double decay = 0) => new BySign(rate, decay);

    public sealed record BySign(double Rate, double Decay) : ParameterUpdate;

    private sealed record NoUpdate : ParameterUpdate;
}
