using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary><see cref="SelectiveScanKernel"/> as an autograd function. Arguments as in <see cref="SelectiveScan.Run"/>, all float32, contiguous
/// and on the CPU.</summary>
internal sealed class FusedScan : FusedFunction<FusedScan>
{
    public override string Name => nameof(SelectiveScan);

    public static (Tensor Output, Tensor State) Run(
        Tensor input, Tensor timeStep, Tensor a, Tensor b, Tensor c, Tensor? d, Tensor? initialState, Tensor? starts)
    {
        Tensor?[] tensors = [input, timeStep, a, b, c, d, initialState, starts];
        if (is_grad_enabled() && tensors.Any(tensor => tensor is not null && tensor.requires_grad))
        {
            return Parts(apply(tensors)[0], input, a);
        }

        return Parts(SelectiveScanKernel.Forward(tensors, get_num_threads(), keep: false).OutputAndState, input, a);
    }

    protected override Tensor Forward(autograd.AutogradContext ctx, object[] arguments)
    {
        Tensor?[] tensors = [.. arguments.Select(value => (Tensor?)value)];
        var (both, kept) = SelectiveScanKernel.Forward(tensors, get_num_threads(), keep: true);
        ctx.save_for_backward([.. tensors!, kept!]);
        return both;
    }

    protected override IReadOnlyList<Tensor?> Backward(autograd.AutogradContext ctx, Tensor gradient)
    {
        var saved = ctx.get_saved_variables();
        return SelectiveScanKernel.Backward([.. saved.Take(saved.Count - 1)], saved[^1], gradient, get_num_threads());
    }

    private static (Tensor Output, Tensor State) Parts(Tensor both, Tensor input, Tensor a)
    {
        long[] state = [input.shape[0], input.shape[2], a.shape[1]];
        var parts = both.split([input.NumberOfElements, state[0] * state[1] * state[2]]);
        return (parts[0].view(input.shape), parts[1].view(state));
    }
}
