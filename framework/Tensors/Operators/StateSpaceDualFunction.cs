using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary><see cref="StateSpaceScan"/> as an autograd function: its arguments, and the length of a chunk.</summary>
internal sealed class StateSpaceDualFunction : FusedFunction<StateSpaceDualFunction>
{
    private const string ChunkKey = "chunk";

    public override string Name => nameof(StateSpaceDual);

    protected override Tensor Forward(autograd.AutogradContext ctx, object[] arguments)
    {
        Tensor[] tensors = [.. arguments.OfType<Tensor>()];
        var chunk = (int)arguments[^1];
        var kept = new List<Tensor>();
        var both = new StateSpaceScan(ScanShape.Of(tensors[0], tensors[3], chunk), tensors).Forward(kept);
        ctx.save_data(ChunkKey, chunk);
        ctx.save_for_backward([.. tensors, .. kept]);
        return both;
    }

    protected override IReadOnlyList<Tensor?> Backward(autograd.AutogradContext ctx, Tensor gradient)
    {
        var saved = ctx.get_saved_variables();
        Tensor[] tensors = [.. saved.Take(7)];
        var scan = new StateSpaceScan(ScanShape.Of(tensors[0], tensors[3], (int)ctx.get_data(ChunkKey)), tensors);
        return [.. scan.Backward(saved[7..], gradient), null];
    }
}
