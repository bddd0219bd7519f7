using CsCheck;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

public class OperatorTests
{
    [Fact]
    public void An_embedding_picks_rows_and_adds_their_gradients_up()
    {
        using var scope = NewDisposeScope();
        var weight = arange(8, ScalarType.Float32).view(4, 2).requires_grad_(true);
        var indices = tensor(new long[] { 3, 1, 3 });
        var rows = Operator.Embedding(weight, indices);
        Assert.Equal([6, 7, 2, 3, 6, 7], rows.data<float>().ToArray());
        autograd.backward(rows, ones(3, 2));
        Assert.Equal([0, 0, 1, 1, 0, 0, 2, 2], weight.grad!.data<float>().ToArray());
    }

    [Fact]
    public void An_embedding_refuses_what_libtorch_would_die_of()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => Operator.Embedding(zeros(3), tensor(new long[] { 0 })));
        Assert.Throws<ArgumentException>(() => Operator.Embedding(zeros(3, 2), tensor(new[] { 0f })));
    }

    [Fact]
    public void A_squared_norm_is_exact_to_double_precision_for_any_length_and_the_same_in_both_types() => Gen.Float[-1e3f, 1e3f].Array[0, 200].Sample(values =>
    {
        var expected = values.Sum(value => (double)value * value);
        Assert.Equal(expected, SquaredNorm.Of(values), 1e-14 * expected);
        using var single = tensor(values);
        Assert.Equal([SquaredNorm.Of(values)], SquaredNorm.Of([single]));
        // Lane by lane the same products of the same numbers.
        using var wide = single.to(ScalarType.Float64);
        Assert.Equal([SquaredNorm.Of(values)], SquaredNorm.Of([wide]));
        using var brain = single.to(ScalarType.BFloat16);
        // Numbers below the normal ones have fewer bits still; their squares are nothing beside this.
        Assert.Equal(expected, SquaredNorm.Of([brain])[0], (0.01 * expected) + 1e-70);
    });
}
