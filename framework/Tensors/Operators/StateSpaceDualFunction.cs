using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The state-space scan in libtorch's graph. An exception that left <see cref="backward"/> would end the process: it is kept for the
/// next forward, and the gradients stay undefined. Output and state are one tensor to libtorch's engine: of two it would leave the gradient of one
/// that is not used undefined, and TorchSharp counts what stands for an undefined tensor as alive for ever.</summary>
internal sealed class StateSpaceDualFunction : autograd.MultiTensorFunction<StateSpaceDualFunction>
{
    private const string ChunkKey = "chunk";

    private static Exception? failure;

    /// <summary>The gradients of this thread's last backward: libtorch takes them after the call. In one dispose scope around the backward of many
    /// layers the gradients of all would stay; what is the last goes with that scope.</summary>
    [ThreadStatic]
    private static IReadOnlyList<Tensor>? handedOver;

    public override string Name => nameof(StateSpaceDual);

    /// <exception cref="InvalidOperationException">A backward has failed since the last call.</exception>
    public static void ThrowFailure()
    {
        if (Interlocked.Exchange(ref failure, null) is { } reason)
        {
            throw new InvalidOperationException($"The backward of a state-space scan failed: {reason.Message}", reason);
        }
    }

    public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        Tensor[] arguments = [.. vars.OfType<Tensor>()];
        var chunk = (int)vars[^1];
        var kept = new List<Tensor>();
        var both = new StateSpaceScan(ScanShape.Of(arguments[0], arguments[3], chunk), arguments).Forward(kept);
        ctx.set_materialize_grads(false);   // what it would copy the shape from may be disposed by then
        ctx.save_data(ChunkKey, chunk);
        ctx.save_for_backward([.. arguments, .. kept]);
        return [both];
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        foreach (var gradient in handedOver ?? [])
        {
            gradient.Dispose();
        }

        handedOver = null;
        try
        {
            using var scope = NewDisposeScope();
            var saved = ctx.get_saved_variables();
            Tensor[] arguments = [.. saved.Take(7)];
            var scan = new StateSpaceScan(ScanShape.Of(arguments[0], arguments[3], (int)ctx.get_data(ChunkKey)), arguments);
            handedOver = scan.Backward(saved[7..], grad_outputs[0].contiguous());
            foreach (var gradient in handedOver)
            {
                gradient.MoveToOuterDisposeScope();
            }

            return [.. handedOver, null!];
        }
#pragma warning disable CA1031 // Whatever it is, native code must not see it.
        catch (Exception reason)
#pragma warning restore CA1031
        {
            failure = reason;
            return [.. Enumerable.Repeat<Tensor>(null!, 8)];
        }
    }
}
