using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) through libtorch's fused kernel: one pass over memory a parameter, on any device.</summary>
public sealed class AdamW : Optimizer
{
    private static readonly byte[] FusedAdamW = Dispatcher.Name("aten::_fused_adamw_");

    public AdamW(IReadOnlyList<Parameter> parameters, OptimizerSettings settings)
        : this(ParameterPiece.Whole(parameters), settings)
    {
    }

    /// <param name="pieces">The optimizer's from here on.</param>
    public AdamW(IReadOnlyList<ParameterPiece> pieces, OptimizerSettings settings)
        : base(pieces, settings)
    {
    }

    protected override void Apply(Group group, Tensor[] gradients, long step, double learningRate, double gradientScale)
    {
        var device = group.Pieces[0].Value.device;
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
            Dispatcher.Argument(Settings.Betas[0]),
            Dispatcher.Argument(Settings.Betas[1]),
            Dispatcher.Argument(group.Decay),
            Dispatcher.Argument(Settings.Epsilon),
            Dispatcher.Argument(false),                                               // amsgrad
            Dispatcher.Argument(false),                                               // maximize
            Dispatcher.Optional(inverseScale),                                        // the kernel divides by it
            Dispatcher.Optional(null),                                                // found_inf
        ];
        Dispatcher.Call(FusedAdamW, Dispatcher.Default, stack);
    }
}
