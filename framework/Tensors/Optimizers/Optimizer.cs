using Pipeline.Core.Jobs;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>A job's optimizer with two moments of the gradient, over the parameters of a stage or pieces of them. Moments exist for its pieces alone,
/// in the parameters' type.</summary>
public abstract class Optimizer : IDisposable
{
    private readonly Group[] groups;

    /// <param name="pieces">The optimizer's from here on.</param>
    protected Optimizer(IReadOnlyList<ParameterPiece> pieces, OptimizerSettings settings)
    {
        Settings = settings;
        groups = [.. pieces.GroupBy(p => (p.Parameter.Definition.Decays, p.Value.device, p.Value.dtype))
            .Select(group => new Group([.. group], group.Key.Decays ? settings.WeightDecay : 0))];
    }

    /// <summary>The first and second moments by parameter or piece, as stored in a checkpoint: <c>exp_avg</c> and <c>exp_avg_sq</c>.</summary>
    public IEnumerable<(string Parameter, string Moment, Tensor Value)> State => groups.SelectMany(group => group.Pieces.SelectMany((p, i) =>
        new[] { (p.Name, "exp_avg", group.First[i]), (p.Name, "exp_avg_sq", group.Second[i]) }));

    protected OptimizerSettings Settings { get; }

    /// <summary>The one that a job names.</summary>
    /// <param name="pieces">The optimizer's from here on.</param>
    public static Optimizer Of(IReadOnlyList<ParameterPiece> pieces, OptimizerSettings settings) => settings.Kind switch
    {
        "adamw" => new AdamW(pieces, settings),
        "adam-atan2" => new AdamATan2(pieces, settings),
        var kind => throw new NotSupportedException($"the optimizer {kind} has no moments"),
    };

    /// <summary>Applies one step to every piece from its gradient, which is scaled by <paramref name="gradientScale"/> first (clipping).</summary>
    /// <param name="step">Counted from 1 where the moments were zero, for the bias correction.</param>
    public void Apply(long step, double learningRate, double gradientScale)
    {
        foreach (var group in groups)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            Apply(group, [.. group.Pieces.Select(GradientOf)], step, learningRate, gradientScale);
        }
    }

    /// <summary>First moments of parameters back to zero: their values have another meaning now. Second moments stay, as a measure of the gradients' size:
    /// were they zero too, the bias correction, which counts all steps, would hardly raise them, and the next steps would be several times too long.</summary>
    /// <param name="parameters">Names.</param>
    public void ResetFirstMoments(IReadOnlyCollection<string> parameters)
    {
        using var noGradient = no_grad();
        foreach (var group in groups)
        {
            for (var i = 0; i < group.Pieces.Length; i++)
            {
                if (parameters.Contains(group.Pieces[i].Parameter.Name))
                {
                    using var scope = NewDisposeScope();
                    group.First[i].zero_();
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (var (_, _, value) in State)
        {
            value.Dispose();
        }

        foreach (var piece in groups.SelectMany(group => group.Pieces))
        {
            piece.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>One step of pieces that go together, in the caller's scope and under <c>no_grad</c>.</summary>
    protected abstract void Apply(Group group, Tensor[] gradients, long step, double learningRate, double gradientScale);

    private static Tensor GradientOf(ParameterPiece piece) => piece.Gradient
        ?? throw new InvalidOperationException($"Parameter {piece.Name} has no gradient: no backward reached it.");

    /// <summary>Pieces of one device, type and weight decay.</summary>
    protected sealed class Group(ParameterPiece[] pieces, double decay)
    {
        public ParameterPiece[] Pieces => pieces;

        public double Decay => decay;

        public Tensor[] Values { get; } = [.. pieces.Select(p => p.Value)];

        public Tensor[] First { get; } = [.. pieces.Select(Zeros)];

        public Tensor[] Second { get; } = [.. pieces.Select(Zeros)];

        private static Tensor Zeros(ParameterPiece piece) =>
            zeros_like(piece.Value, requires_grad: false).DetachFromDisposeScope();
    }
}
