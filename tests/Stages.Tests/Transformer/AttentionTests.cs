using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Transformer;

public class AttentionTests
{
    /// <summary>Evaluation is the fused operator, training with dropout our own; both also with document borders.</summary>
    [Theory]
    [InlineData(1, false, false)]
    [InlineData(2, false, false)]
    [InlineData(3, true, false)]
    [InlineData(6, true, true)]
    [InlineData(2, false, true)]
    public void Grouped_queries_equal_repeated_key_and_value_heads(int groups, bool dropout, bool documents)
    {
        using var scope = NewDisposeScope();
        var pass = new Pass(1, 1, 0, dropout, ScalarType.Float32) { DocumentStarts = documents ? Starts() : null };
        Tensor[] grouped = [Leaf(randn(2, 5, 6, 4)), Leaf(randn(2, 5, groups, 4)), Leaf(randn(2, 5, groups, 4))];
        Tensor[] repeated = [Leaf(grouped[0]), Repeated(grouped[1]), Repeated(grouped[2])];
        var (gradient, probability) = (randn(2, 5, 24), dropout ? 0.3 : 0);
        var (expected, actual) = (Attend(repeated), Attend(grouped));
        Assert.InRange(ModelRun.Distance(expected, actual), 0, 1e-6);
        Assert.InRange(ModelRun.Distance(repeated[0].grad!, grouped[0].grad!), 0, 1e-5);
        Assert.InRange(ModelRun.Distance(Summed(repeated[1]), grouped[1].grad!), 0, 1e-5);
        Assert.InRange(ModelRun.Distance(Summed(repeated[2]), grouped[2].grad!), 0, 1e-5);

        Tensor Attend(Tensor[] parts)
        {
            var output = Attention.Causal(parts[0], parts[1], parts[2], "attention", pass, probability);
            autograd.backward(output, gradient);
            return output;
        }

        Tensor Repeated(Tensor part) => Leaf(stack([.. part.unbind(2).SelectMany(head => Enumerable.Repeat(head, 6 / groups))], 2));

        Tensor Summed(Tensor part) => part.grad!.view(2, 5, groups, 6 / groups, 4).sum(3);
    }

    /// <summary>Row by row in plain numbers: softmax over the tokens of its own document up to it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attention_is_the_formula(bool documents)
    {
        using var scope = NewDisposeScope();
        var (query, key, value) = (randn(1, 5, 1, 3), randn(1, 5, 1, 3), randn(1, 5, 1, 3));
        var pass = ModelRun.Evaluation with { DocumentStarts = documents ? Starts().narrow(0, 0, 1) : null };
        var actual = Attention.Causal(query, key, value, "attention", pass).data<float>().ToArray();
        var (q, k, v) = (query.data<float>().ToArray(), key.data<float>().ToArray(), value.data<float>().ToArray());
        for (var row = 0; row < 5; row++)
        {
            var first = documents && row >= 2 ? 2 : 0;
            var weights = Enumerable.Range(first, row - first + 1)
                .Select(column => (column, Math.Exp(Enumerable.Range(0, 3).Sum(i => q[(3 * row) + i] * k[(3 * column) + i]) / Math.Sqrt(3)))).ToArray();
            for (var i = 0; i < 3; i++)
            {
                var expected = weights.Sum(w => w.Item2 * v[(3 * w.column) + i]) / weights.Sum(w => w.Item2);
                Assert.Equal(expected, actual[(3 * row) + i], 1e-5);
            }
        }
    }

    [Fact]
    public void A_cache_and_document_borders_exclude_each_other()
    {
        using var scope = NewDisposeScope();
        using var cache = new Cache();
        var part = randn(2, 5, 1, 3);
        Assert.Throws<InvalidOperationException>(
            () => Attention.Causal(part, part, part, "attention", ModelRun.Evaluation with { Cache = cache, DocumentStarts = Starts() }));
    }

    /// <summary>Of two sequences of five tokens: 0-1 and 2-4, and one document.</summary>
    private static Tensor Starts() => tensor(new[] { true, false, true, false, false, true, false, false, false, false }).view(2, 5);

    private static Tensor Leaf(Tensor value) => value.detach().clone().requires_grad_(true);
}
