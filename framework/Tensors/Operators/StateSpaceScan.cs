using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The forward and the backward of <see cref="StateSpaceDual"/>, a few chunks at a time, each large array freed as soon as it has been
/// used: so the same memory serves again while it is in the cache. In a chunk, with decays m from token to token, e from the start and w to the
/// end, weighted inputs u and the state S before it: <c>y = ((c b^T) m) u + e (c S^T) + d x</c>, and <c>S' = m_whole S + (w u)^T b</c>.</summary>
/// <param name="arguments">x, weights, exponents of the decays, b, c, d and the initial state.</param>
internal sealed class StateSpaceScan(ScanShape shape, IReadOnlyList<Tensor> arguments)
{
    private readonly IReadOnlyList<ChunkSpan> spans = shape.Spans();
    private readonly Tensor input = arguments[0], weight = arguments[1], exponents = arguments[2], b = arguments[3], c = arguments[4];
    private readonly Tensor skip = arguments[5].view(shape.Groups, shape.HeadsPerGroup, 1);

    /// <param name="keep">Takes what the backward needs: for each span the states before its chunks, and what they add to the output.</param>
    /// <returns>As <see cref="ScanShape.Parts"/> takes them apart, in float32.</returns>
    public Tensor Forward(List<Tensor>? keep)
    {
        using var scope = NewDisposeScope();
        var both = empty([shape.OutputElements + shape.StateElements], ScalarType.Float32, input.device);
        var (output, last) = shape.Parts(both);
        var state = Grouped(arguments[6]);
        foreach (var span in spans)
        {
            using var inner = NewDisposeScope();
            (state, var before, var entering) = Forward(span, state, output);
            inner.MoveToOuter(state);
            keep?.AddRange([inner.MoveToOuter(before), inner.MoveToOuter(entering)]);
        }

        scope.MoveToOuter(keep ?? []);
        last.copy_(state.reshape(shape.State));
        return scope.MoveToOuter(both);
    }

    /// <param name="kept">By <see cref="Forward(List{Tensor}?)"/>.</param>
    /// <param name="gradient">Of what the forward returns.</param>
    /// <returns>The arguments' gradients, in their order.</returns>
    public IReadOnlyList<Tensor> Backward(IReadOnlyList<Tensor> kept, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        Tensor[] gradients = [.. arguments.Take(6).Select(argument => empty(argument.shape, argument.dtype, argument.device))];
        gradients[5].zero_();
        var (dy, last) = shape.Parts(gradient);
        var state = Grouped(last);
        for (var index = spans.Count - 1; index >= 0; index--)
        {
            using var inner = NewDisposeScope();
            state = inner.MoveToOuter(Backward(spans[index], kept[2 * index], kept[(2 * index) + 1], dy, state, gradients));
        }

        Tensor[] all = [.. gradients, state.reshape(shape.State).clone()];
        scope.MoveToOuter(all);
        return all;
    }

    private (Tensor State, Tensor Before, Tensor Entering) Forward(ChunkSpan span, Tensor state, Tensor output)
    {
        var decays = new ChunkDecays(span.Weights(exponents));
        var (shared, read, x) = (span.Shared(b), span.Shared(c), span.Inputs(input));
        var weighted = x * span.Weights(weight).unsqueeze(-1);
        var sum = x * skip;
        AddWithin(span, decays, shared, read, weighted, sum);

        var after = span.States(span.ByGroup(weighted.mul_(decays.ToEnd)).transpose(1, 2).bmm(shared));
        weighted.Dispose();
        var first = state.unsqueeze(1);
        for (var index = 0; index < span.Chunks; index++)
        {
            var next = after.select(1, index);
            Arithmetic.AddProductTo(next, state, decays.Across.select(1, index));
            state = next;
        }

        var before = span.Chunks == 1 ? first : cat([first, after.narrow(1, 0, span.Chunks - 1)], 1);
        var entering = span.FromGroups(read.bmm(span.StateMatrices(before).transpose(1, 2))).mul_(decays.FromStart);
        Arithmetic.AddTo(sum, entering);
        span.Inputs(output).copy_(sum);
        return (state, before, entering);
    }

    /// <summary>What the tokens of a chunk add to those behind them in it.</summary>
    private static void AddWithin(ChunkSpan span, ChunkDecays decays, Tensor shared, Tensor read, Tensor weighted, Tensor sum)
    {
        using var scope = NewDisposeScope();
        var pairs = decays.Pairs().mul_(span.PairsOfGroups(read.bmm(shared.transpose(1, 2))));
        Arithmetic.AddTo(sum, span.FromHeads(pairs.view(-1, span.Size, span.Size).bmm(span.ByHead(weighted))));
    }

    /// <param name="before">Of the forward.</param>
    /// <param name="entering">Likewise.</param>
    /// <param name="state">The gradient of the state behind the span.</param>
    /// <returns>That of the state before it.</returns>
    private Tensor Backward(ChunkSpan span, Tensor before, Tensor entering, Tensor outputGradient, Tensor state, Tensor[] gradients)
    {
        var decays = new ChunkDecays(span.Weights(exponents));
        var (shared, read) = (span.Shared(b), span.Shared(c));
        var (x, weights) = (span.Inputs(input).to(ScalarType.Float32), span.Weights(weight).unsqueeze(-1));
        var dy = span.Inputs(outputGradient).to(ScalarType.Float32);
        var (dRead, into) = Arriving(span, dy * decays.FromStart, read, before);

        var last = state.unsqueeze(1);
        for (var index = span.Chunks - 1; index >= 0; index--)
        {
            var previous = into.select(1, index);
            Arithmetic.AddProductTo(previous, state, decays.Across.select(1, index));
            state = previous;
        }

        var after = span.Chunks == 1 ? last : cat([into.narrow(1, 1, span.Chunks - 1), last], 1);
        var afterMatrices = span.StateMatrices(after);
        var across = SumOfProduct(before, after, 4, 5).unsqueeze(2) * decays.Across.view(span.Shape.Sequences, span.Chunks, 1, shape.Groups, shape.HeadsPerGroup);
        var arriving = SumOfProduct(dy, entering, 5);

        var weighted = x * weights;
        var du = span.FromGroups(shared.bmm(afterMatrices.transpose(1, 2))).mul_(decays.ToEnd);
        var leaving = SumOfProduct(weighted, du, 5);
        var (crossing, dScores) = Within(span, decays, span.PairsOfGroups(read.bmm(shared.transpose(1, 2))), span.ByHead(weighted), span.ByHead(dy), du);
        var dShared = span.ByGroup(weighted.mul_(decays.ToEnd)).bmm(afterMatrices);
        weighted.Dispose();

        span.SetShared(gradients[4], AddProduct(dRead, dScores, shared));
        span.SetShared(gradients[3], AddProduct(dShared, dScores.transpose(1, 2), read));
        span.Weights(gradients[2]).copy_(OfExponents(crossing, arriving, leaving, across));
        span.Weights(gradients[1]).copy_(SumOfProduct(x, du, 5));
        Arithmetic.AddTo(gradients[5], SumOfProduct(x, dy, 0, 1, 2, 5).view(-1));
        du.mul_(weights);
        Arithmetic.AddProductTo(du, dy, skip);
        span.Inputs(gradients[0]).copy_(du);
        return state;
    }

    /// <summary>Of what comes from before the chunk.</summary>
    /// <returns>Its share in c's gradient, and in that of the states before the chunks.</returns>
    private static (Tensor Read, Tensor States) Arriving(ChunkSpan span, Tensor decayed, Tensor read, Tensor before)
    {
        using var scope = NewDisposeScope();
        var byGroup = span.ByGroup(decayed);
        var result = scope.MoveToOuter(byGroup.bmm(span.StateMatrices(before)), span.States(byGroup.transpose(1, 2).bmm(read)));
        decayed.Dispose();
        return result;
    }

    /// <summary>The pairs within the chunk. Where the gradient of a decay is a sum over pairs of tokens on both sides of it, the pairs on one side
    /// cancel out of a difference of sums; a token with itself, which weighs most and crosses nothing, is left out from the start.</summary>
    /// <param name="du">The gradient of the weighted inputs, to which the pairs' is added.</param>
    /// <returns>For each token what it reads less what is read of it, (sequences, chunks, size, groups, heads of a group); and the gradient of
    /// c b^T, one for each group.</returns>
    private static (Tensor Crossing, Tensor Scores) Within(ChunkSpan span, ChunkDecays decays, Tensor scores, Tensor weighted, Tensor dy, Tensor du)
    {
        using var scope = NewDisposeScope();
        var pairs = decays.Pairs();
        var dPairs = span.PairsOfHeads(dy.bmm(weighted.transpose(1, 2))).mul_(pairs);
        var dScores = dPairs.sum(3).view(-1, span.Size, span.Size);
        dPairs.mul_(scores).tril_(-1);
        var crossing = Arithmetic.Subtract(dPairs.sum(-1), dPairs.sum(-2)).permute(0, 1, 4, 2, 3);
        dPairs.Dispose();
        Arithmetic.AddTo(du, span.FromHeads(pairs.mul_(scores).view(-1, span.Size, span.Size).transpose(1, 2).bmm(dy)));
        return scope.MoveToOuter(crossing, dScores);
    }

    /// <summary>The exponent at a token takes part in all that crosses it: pairs within the chunk, what arrives from before the chunk at it or
    /// behind it, what leaves the chunk from before it, and what goes across the whole chunk.</summary>
    private static Tensor OfExponents(Tensor crossing, Tensor arriving, Tensor leaving, Tensor across)
    {
        var (behind, leaves) = (Arithmetic.Add(crossing, arriving).to(ScalarType.Float64), leaving.to(ScalarType.Float64));
        var fromHere = Arithmetic.Subtract(Arithmetic.Add(behind.sum(2, keepdim: true), behind), behind.cumsum(2));
        return Arithmetic.Add(Arithmetic.Add(fromHere, Arithmetic.Subtract(leaves.cumsum(2), leaves)), across.to(ScalarType.Float64));
    }

    private static Tensor SumOfProduct(Tensor left, Tensor right, params long[] dimensions)
    {
        using var product = left * right;
        return product.sum(dimensions);
    }

    /// <summary><c>sum + left right</c>. TorchSharp 0.107 hands the arguments of <c>baddbmm</c> on in another order than it names them.</summary>
    private static Tensor AddProduct(Tensor sum, Tensor left, Tensor right) => left.baddbmm(right, sum);

    private Tensor Grouped(Tensor state) => state.view(shape.Sequences, shape.Groups, shape.HeadsPerGroup, shape.HeadSize, shape.StateSize);
}
