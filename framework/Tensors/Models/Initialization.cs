using static TorchSharp.torch;

namespace Pipeline.Tensors.Models;

/// <summary>How a parameter starts. A family with a distribution of its own derives its own; what a record prints tells two apart.</summary>
public abstract record Initialization
{
    public static Initialization Normal(double deviation) => new NormalDistribution(deviation);

    public static Initialization Uniform(double low, double high) => new UniformDistribution(low, high);

    /// <summary>Uniform within <c>scale / sqrt(inputs)</c>: with a scale of 1 how PyTorch starts linear layers and convolutions, which is
    /// <c>kaiming_uniform_</c> with a = sqrt(5) (He et al. 2015, arXiv:1502.01852).</summary>
    /// <param name="inputs">That one output is made of.</param>
    public static Initialization UniformByInputs(long inputs, double scale = 1) => Uniform(-scale / Math.Sqrt(inputs), scale / Math.Sqrt(inputs));

    public static Initialization Constant(double value) => new SameEverywhere(value);

    /// <summary>Sets the values, in place. Under <c>no_grad</c> and in the caller's dispose scope.</summary>
    /// <param name="values">float32 or float64, on the CPU.</param>
    /// <param name="generator">The parameter's own: nothing random may come from elsewhere.</param>
    public abstract void Fill(Tensor values, Generator generator);

    private sealed record NormalDistribution(double Deviation) : Initialization
    {
        public override void Fill(Tensor values, Generator generator) => values.normal_(0, Deviation, generator);
    }

    private sealed record UniformDistribution(double Low, double High) : Initialization
    {
        public override void Fill(Tensor values, Generator generator) => values.uniform_(Low, High, generator);
    }

    private sealed record SameEverywhere(double Value) : Initialization
    {
        public override void Fill(Tensor values, Generator generator)
        {
            using var value = Operators.Arithmetic.Full([], Value);
            values.copy_(value);
        }
    }
}
