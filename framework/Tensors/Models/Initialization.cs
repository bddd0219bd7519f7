namespace Pipeline.Tensors.Models;

/// <summary>How a parameter starts: normally distributed, or one value everywhere when <paramref name="Deviation"/> is 0.</summary>
public readonly record struct Initialization(double Mean, double Deviation)
{
    public static Initialization Normal(double deviation) => new(0, deviation);

    public static Initialization Constant(double value) => new(value, 0);
}
