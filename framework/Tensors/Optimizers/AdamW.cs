using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) over the parameters of a stage or pieces of them, through libtorch's fused
/// kernel: one pass over memory a parameter, on any device. Moments exist for its pieces alone.</summary>
public sealed class AdamW : IDisposable
{
    private static readonly byte[] FusedAdamW = Dispatcher.Name("aten::_fused_adamw_");

    private readonly OptimizerSettings settings;
    private readonly Group[] groups;

    public AdamW(IReadOnlyList<Parameter> parameters, OptimizerSettings settings)
        : this([.. parameters.Select(parameter => new ParameterPiece(parameter, 0, parameter.Definition.Elements))], settings)
    {
    }

    /// <param name="pieces">The optimizer's from here on.</param>
    public AdamW(IReadOnlyList<ParameterPiece> pieces, OptimizerSettings settings)
    {
        this.settings = settings;
        groups = [.. pieces.GroupBy(p => (p.Parameter.Definition.Decays, p.Value.device, p.Value.dtype))
            .Select(group => new Group([.. group], group.Key.Decays ? settings.WeightDecay : 0))];
    }

    /// <summary>The first and second moments by parameter or piece, as stored in a checkpoint: <c>exp_avg</c> and <c>exp_avg_sq</c>.</summary>
    public IEnumerable<(string Parameter, string Moment, Tensor Value)> State => groups.SelectMany(group => group.Pieces.SelectMany((p, i) =>
        new[] { (p.Name, "exp_avg", group.First[i]), (p.Name, "exp_avg_sq", group.Second[i]) }));

    /// <summary>Applies one step to every piece from its gradient, which is scaled by <paramref name="gradientScale"/> first (clipping).</summary>
    /// <param name="step">Counted from 1, for the bias correction.</param>
    public void Apply(long step, double learningRate, double gradientScale)
    {
        foreach (var group in groups)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            var device = group.Pieces[0].Value.device;
            var gradients = group.Pieces.Select(p => p.Gradient
                ?? throw new InvalidOperationException($"Parameter {p.Name} has no gradient: no backward reached it.")).ToArray();
            var steps = tensor((float)step, device: device);
            var inverseScale = gradientScale == 1 ? null : tensor((float)(1 / gradientScale), device: device);
            Span<ulong> stack =
            [
                Dispatcher.Argument(group.Values),
                Dispatcher.Argument(gradients),
                Dispatcher.Argument(group.First),
                Dispatcher.Argument(group.Second),
                Dispatcher.Argument([]),                                                  // max_exp_avg_sqs: no AMSGrad
                Dispatcher.Argument(Enumerable.Repeat(steps, gradients.Length).ToArray()),
                Dispatcher.Argument(learningRate),
                Dispatcher.Argument(settings.Betas[0]),
                Dispatcher.Argument(settings.Betas[1]),
                Dispatcher.Argument(group.Decay),
                Dispatcher.Argument(settings.Epsilon),
                Dispatcher.Argument(false),                                               // amsgrad
                Dispatcher.Argument(false),                                               // maximize
                Dispatcher.Optional(inverseScale),                                        // the kernel divides by it
                Dispatcher.Optional(null),                                                // found_inf
            ];
            Dispatcher.Call(FusedAdamW, Dispatcher.Default, stack);
        }
    }

    /// <summary>Starts again for these parameters: their moments are zero.</summary>
    public void Reset(IReadOnlyCollection<string> names)
    {
        using var noGradient = no_grad();
        foreach (var group in groups)
        {
            for (var index = 0; index < group.Pieces.Length; index++)
            {
                if (names.Contains(group.Pieces[index].Parameter.Name))
                {
                    group.First[index].zero_();
                    group.Second[index].zero_();
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
    }

    /// <summary>Pieces that one kernel call updates together.</summary>
    private sealed class Group(ParameterPiece[] pieces, double decay)
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
