using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>A loss of one layer's own, such as a router's, added where it arises: no other stage needs to know of it, and the loss that is reported
/// stays the model's. The trick is that of Megatron-LM's MoEAuxLossAutoScaler.</summary>
public static class LocalLoss
{
    /// <summary>The activation as it is. Its backward starts that of the loss as well.</summary>
    /// <param name="activation">That the model's loss depends on: without a backward through it the local loss has no effect.</param>
    /// <param name="loss">A scalar.</param>
    /// <param name="gradient">Of the step's loss with regard to <paramref name="loss"/>: what the local loss counts.</param>
    public static Tensor Attach(Tensor activation, Tensor loss, double gradient) => Identity.apply(activation, loss, gradient);

    private sealed class Identity : autograd.SingleTensorFunction<Identity>
    {
        public override string Name => nameof(LocalLoss);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (activation, loss, gradient) = ((Tensor)vars[0], (Tensor)vars[1], (double)vars[2]);
            ctx.save_for_backward([Arithmetic.Full(loss.shape, gradient).to(loss.dtype, loss.device)]);
            return activation.alias();
        }

        /// <summary>Computes nothing: an exception here would end the process, so all that could fail has happened in the forward.</summary>
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [grad_output, ctx.get_saved_variables()[0], null!];
    }
}
