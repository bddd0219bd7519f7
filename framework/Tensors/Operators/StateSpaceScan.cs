using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The forward and the backward of <see cref="StateSpaceDual"/>, a few chunks at a time so that what lies between two matrix products
/// stays in the cache. In a chunk, with decays m from token to token, e from the start and w to the end, weighted inputs u and the state S
/// before it: <c>y = ((c b^T) m) u + e (c S^T) + d x</c>, and <c>S' = m_whole S + (w u)^T b</c>.</summary>
/// <param name="arguments">x, weights, exponents of the decays, b, c, d and the initial state.</param>
internal sealed class StateSpaceScan(ScanShape shape, IReadOnlyList<Tensor> arguments)
{
    private readonly IReadOnlyList<ChunkSpan> spans = shape.Spans();
    private readonly Tensor input = arguments[0], weight = arguments[1], exponents = arguments[2], b = arguments[3], c = arguments[4];
    private readonly Tensor skip = arguments[5].view(shape.Groups, shape.HeadsPerGroup, 1);

    /// <param name="keep">Takes what the backward needs: for each span the states before its chunks, and what they add to the output.</param>
    public (Tensor Output, Tensor State) Forward(List<Tensor>? keep)
    {
        using var scope = NewDisposeScope();
        var output = empty(input.shape, input.dtype, input.device);
        var state = Grouped(arguments[6]);
        foreach (var span in spans)
        {
            using var inner = NewDisposeScope();
            var decays = ChunkDecays.Of(span.Weights(exponents));
            var (shared, read) = (span.Shared(b), span.Shared(c));
            var x = span.Inputs(input);
            var weighted = x * span.Weights(weight).unsqueeze(-1);

            span.PairsOfHeads(decays.Pairs).mul_(span.PairsOfGroups(read.bmm(shared.transpose(1, 2))));
            var within = decays.Pairs.view(-1, span.Size, span.Size).bmm(span.ByHead(weighted));

            var after = span.States(span.ByGroup(weighted.mul_(decays.ToEnd)).transpose(1, 2).bmm(shared));
            var first = state.unsqueeze(1);
            for (var index = 0; index < span.Chunks; index++)
            {
                var next = after.select(1, index);
                Arithmetic.AddProductTo(next, state, decays.Across.select(1, index));
                state = next;
            }

            var before = span.Chunks == 1 ? first : cat([first, after.narrow(1, 0, span.Chunks - 1)], 1);
            var entering = span.FromGroups(read.bmm(span.StateMatrices(before).transpose(1, 2))).mul_(decays.FromStart);

            var sum = keep is null ? entering : entering.clone();
            Arithmetic.AddTo(sum, span.FromHeads(within));
            Arithmetic.AddProductTo(sum, x, skip);
            span.Inputs(output).copy_(sum);
            keep?.AddRange([inner.MoveToOuter(before), inner.MoveToOuter(entering)]);
            inner.MoveToOuter(state);
        }

        keep?.ForEach(tensor => scope.MoveToOuter(tensor));
        return scope.MoveToOuter(output, state.reshape(shape.State).clone());
    }

    /// <param name="kept">By <see cref="Forward"/>.</param>
    /// <param name="outputGradient">Null: zero.</param>
    /// <param name="stateGradient">Null: zero.</param>
    /// <returns>The arguments' gradients, in their order.</returns>
    public IReadOnlyList<Tensor> Backward(IReadOnlyList<Tensor> kept, Tensor? outputGradient, Tensor? stateGradient)
    {
        using var scope = NewDisposeScope();
        Tensor[] gradients = [.. arguments.Take(6).Select(argument => empty(argument.shape, argument.dtype, argument.device))];
        gradients[5].zero_();
        var dy = outputGradient ?? zeros(input.shape, input.dtype, input.device);
        var state = Grouped(stateGradient ?? zeros(shape.State, ScalarType.Float32, input.device));
        for (var index = spans.Count - 1; index >= 0; index--)
        {
            using var inner = NewDisposeScope();
            state = inner.MoveToOuter(Backward(spans[index], kept[2 * index], kept[(2 * index) + 1], dy, state, gradients));
        }

        Tensor[] all = [.. gradients, state.reshape(shape.State).clone()];
        scope.MoveToOuter(all);
        return all;
    }

    /// <summary>Where the gradient of a decay is a sum over pairs of tokens on both sides of it, the pairs on one side cancel out of a difference
    /// of sums; a token with itself, which weighs most and crosses nothing, is left out from the start.</summary>
    /// <param name="state">The gradient of the state behind the span.</param>
    /// <returns>That of the state before it.</returns>
    private Tensor Backward(ChunkSpan span, Tensor before, Tensor entering, Tensor outputGradient, Tensor state, Tensor[] gradients)
    {
        var decays = ChunkDecays.Of(span.Weights(exponents));
        var (shared, read) = (span.Shared(b), span.Shared(c));
        var (x, weights) = (span.Inputs(input).to(ScalarType.Float32), span.Weights(weight).unsqueeze(-1));
        var dy = span.Inputs(outputGradient).to(ScalarType.Float32);
        var weighted = x * weights;

        // through the states
        var decayed = span.ByGroup(dy * decays.FromStart);
        var into = span.States(decayed.transpose(1, 2).bmm(read));
        var last = state.unsqueeze(1);
        for (var index = span.Chunks - 1; index >= 0; index--)
        {
            var previous = into.select(1, index);
            Arithmetic.AddProductTo(previous, state, decays.Across.select(1, index));
            state = previous;
        }

        var after = span.Chunks == 1 ? last : cat([into.narrow(1, 1, span.Chunks - 1), last], 1);
        var (beforeMatrices, afterMatrices) = (span.StateMatrices(before), span.StateMatrices(after));
        var across = (before * after).sum([4, 5], keepdim: true) * decays.Across;
        var du = span.FromGroups(shared.bmm(afterMatrices.transpose(1, 2))).mul_(decays.ToEnd);
        var leaving = (weighted * du).sum(-1);
        var arriving = (dy * entering).sum(-1);

        // within the chunks
        var scores = span.PairsOfGroups(read.bmm(shared.transpose(1, 2)));
        var dyByHead = span.ByHead(dy);
        var dPairs = span.PairsOfHeads(dyByHead.bmm(span.ByHead(weighted).transpose(1, 2))).mul_(decays.Pairs);
        var dScores = dPairs.sum(3).view(-1, span.Size, span.Size);
        var pairs = decays.Pairs.mul_(scores).view(-1, span.Size, span.Size);
        Arithmetic.AddTo(du, span.FromHeads(pairs.transpose(1, 2).bmm(dyByHead)));
        dPairs.mul_(scores).tril_(-1);
        var crossing = Arithmetic.Subtract(dPairs.sum(-1), dPairs.sum(-2)).permute(0, 1, 4, 2, 3);

        span.SetShared(gradients[4], AddProduct(dScores.bmm(shared), decayed, beforeMatrices));
        span.SetShared(gradients[3], AddProduct(dScores.transpose(1, 2).bmm(read), span.ByGroup(weighted.mul_(decays.ToEnd)), afterMatrices));
        span.Weights(gradients[2]).copy_(OfExponents(crossing, arriving, leaving, across.view(span.Shape.Sequences, span.Chunks, 1, shape.Groups, shape.HeadsPerGroup)));
        span.Weights(gradients[1]).copy_((x * du).sum(-1));
        Arithmetic.AddTo(gradients[5], (x * dy).sum([0, 1, 2, 5]).view(-1));
        du.mul_(weights);
        Arithmetic.AddProductTo(du, dy, skip);
        span.Inputs(gradients[0]).copy_(du);
        return state;
    }

    /// <summary>The exponent at a token takes part in all that crosses it: pairs within the chunk, what arrives from before the chunk at it or
    /// behind it, what leaves the chunk from before it, and what goes across the whole chunk.</summary>
    private static Tensor OfExponents(Tensor crossing, Tensor arriving, Tensor leaving, Tensor across)
    {
        var (behind, leaves) = (Arithmetic.Add(crossing, arriving).to(ScalarType.Float64), leaving.to(ScalarType.Float64));
        var fromHere = Arithmetic.Subtract(Arithmetic.Add(behind.sum(2, keepdim: true), behind), behind.cumsum(2));
        return Arithmetic.Add(Arithmetic.Add(fromHere, Arithmetic.Subtract(leaves.cumsum(2), leaves)), across.to(ScalarType.Float64));
    }

    /// <summary><c>sum + left right</c>. TorchSharp 0.107 hands the arguments of <c>baddbmm</c> on in another order than it names them.</summary>
    private static Tensor AddProduct(Tensor sum, Tensor left, Tensor right) => left.baddbmm(right, sum);

    private Tensor Grouped(Tensor state) => state.view(shape.Sequences, shape.Groups, shape.HeadsPerGroup, shape.HeadSize, shape.StateSize);
}
