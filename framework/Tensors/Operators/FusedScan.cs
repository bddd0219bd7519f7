using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary><see cref="SelectiveScanKernel"/> as an autograd function. Arguments as in <see cref="SelectiveScan.Run"/>, all float32, contiguous
/// and on the CPU. Output and state are one tensor to libtorch's engine: of two it would leave the gradient of one that is not used undefined, and
/// TorchSharp counts what stands for an undefined tensor as alive for ever.</summary>
internal sealed class FusedScan : autograd.MultiTensorFunction<FusedScan>
{
    private const int Arguments = 8;

    /// <summary>Of a backward, where libtorch's engine could not take it: the process would end.</summary>
    private static Exception? failure;

    /// <summary>What the last backward of this thread returned. Libtorch has its own references by now, and in one dispose scope around the
    /// backward of many layers the gradients of all would stay.</summary>
    [ThreadStatic]
    private static List<Tensor>? returned;

    public override string Name => nameof(FusedScan);

    public static (Tensor Output, Tensor State) Run(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState, Tensor? starts)
    {
        if (Interlocked.Exchange(ref failure, null) is { } earlier)
        {
            throw new InvalidOperationException("The backward of a selective scan failed; its gradients were left out.", earlier);
        }

        Tensor?[] tensors = [input, timeStep, a, b, c, d, initialState, starts];
        if (is_grad_enabled() && tensors.Any(tensor => tensor is not null && tensor.requires_grad))
        {
            return Parts(apply(tensors)[0], input, a);
        }

        return Parts(SelectiveScanKernel.Forward(tensors, get_num_threads(), keep: false).OutputAndState, input, a);
    }

    public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        Tensor?[] tensors = [.. vars.Select(value => (Tensor?)value)];
        var (both, kept) = SelectiveScanKernel.Forward(tensors, get_num_threads(), keep: true);
        ctx.set_materialize_grads(false);
        ctx.save_for_backward([.. tensors!, kept!]);
        return [both];
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        foreach (var tensor in returned ?? [])
        {
            tensor?.Dispose();
        }

        try
        {
            using var scope = NewDisposeScope();
            var saved = ctx.get_saved_variables();
            var gradients = SelectiveScanKernel.Backward(
                [.. saved.Take(saved.Count - 1)], saved[^1], grad_outputs[0].contiguous(), get_num_threads());
            foreach (var gradient in gradients)
            {
                gradient?.MoveToOuterDisposeScope();
            }

            return returned = [.. gradients.Select(gradient => gradient!)];
        }
#pragma warning disable CA1031   // an exception that escapes into libtorch ends the process
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
            return returned = [.. Enumerable.Repeat<Tensor>(null!, Arguments)];
        }
    }

    private static (Tensor Output, Tensor State) Parts(Tensor both, Tensor input, Tensor a)
    {
        long[] state = [input.shape[0], input.shape[2], a.shape[1]];
        var parts = both.split([input.NumberOfElements, state[0] * state[1] * state[2]]);
        return (parts[0].view(input.shape), parts[1].view(state));
    }
}
