using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>An operator in libtorch's graph with a backward that is written here. It has one result: of two, libtorch's engine would leave the
/// gradient of one that is not used undefined, and TorchSharp counts what stands for an undefined tensor as alive for ever.</summary>
internal abstract class FusedFunction<T> : autograd.MultiTensorFunction<T>
    where T : FusedFunction<T>, new()
{
    private const string ArgumentsKey = "arguments", FailureKey = "failure";

    /// <summary>The gradients of this thread's last backward: libtorch has its own references by the next. In one dispose scope around the backward
    /// of many layers the gradients of all would stay; what is the last goes with that scope.</summary>
    [ThreadStatic]
    private static IReadOnlyList<Tensor?>? handedOver;

    public sealed override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.set_materialize_grads(false);   // what it would copy the shape from may be disposed by then
        ctx.save_data(ArgumentsKey, vars.Length);
        ctx.save_data(FailureKey, BackwardFailure.OfThread);
        return [Forward(ctx, vars)];
    }

    public sealed override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        try
        {
            foreach (var gradient in handedOver ?? [])
            {
                gradient?.Dispose();
            }

            handedOver = null;
            using var scope = NewDisposeScope();
            var gradients = Backward(ctx, grad_outputs[0].contiguous());
            foreach (var gradient in gradients)
            {
                gradient?.MoveToOuterDisposeScope();
            }

            handedOver = gradients;
            return [.. gradients.Select(gradient => gradient!)];
        }
#pragma warning disable CA1031 // Whatever it is, native code must not see it.
        catch (Exception reason)
#pragma warning restore CA1031
        {
            ((BackwardFailure)ctx.get_data(FailureKey)).Remember(Name, reason);
            return [.. Enumerable.Repeat<Tensor>(null!, (int)ctx.get_data(ArgumentsKey))];
        }
    }

    /// <summary>The result, and for the backward what <paramref name="ctx"/> is to keep.</summary>
    protected abstract Tensor Forward(autograd.AutogradContext ctx, object[] arguments);

    /// <param name="gradient">Of the result, contiguous.</param>
    /// <returns>Those of all arguments, in their order; null where there is none. In the caller's dispose scope.</returns>
    protected abstract IReadOnlyList<Tensor?> Backward(autograd.AutogradContext ctx, Tensor gradient);
}
