using CsCheck;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

[Collection(nameof(Alone))]
public sealed class WeightGradientsTests : IDisposable
{
    private readonly ConstantWeights weights = new();

    public void Dispose() => weights.Dispose();

    /// <summary>Against libtorch's own backward over the same two linear layers: the same products, added in the same order, so that only
    /// the fused addition to the sum may round otherwise. In bfloat16 over one layer: a second one would make more of the first one's rounding.</summary>
    [Fact]
    public void Put_off_gradients_equal_those_of_libtorchs_backward() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 5], Gen.Int[1, 40], Gen.Bool, Gen.Bool).Sample(
            (sequences, length, width, bias, brain) =>
            {
                using var scope = NewDisposeScope();
                using var constants = new ConstantWeights();   // samples run on several threads, and a stage's weights belong to one
                var type = brain ? ScalarType.BFloat16 : ScalarType.Float32;
                Tensor[] parameters = [randn(2 * width, width), randn(2 * width), randn(width, 2 * width), randn(width)];
                var (plain, split) = (Leaves(parameters), Leaves(parameters));
                for (var microBatch = 0; microBatch < 3; microBatch++)
                {
                    var (input, gradient) = (randn(sequences, length, width).to(type), randn(sequences, length, brain ? 2 * width : width).to(type));
                    var (first, second) = (input.detach().requires_grad_(true), input.detach().requires_grad_(true));
                    using var later = new WeightGradients(constants);
                    var expected = Run(first, plain, bias, brain, Operator.Linear);
                    var actual = Run(second, split, bias, brain, later.Linear);
                    AssertNear(expected, actual, type);
                    autograd.backward(expected, gradient);
                    autograd.backward(actual, gradient);
                    AssertNear(first.grad!, second.grad!, type);
                    later.Compute();
                }

                foreach (var (expected, actual) in plain.Zip(split).Where((_, index) => (bias || index % 2 == 0) && (!brain || index < 2)))
                {
                    Assert.Equal(ScalarType.Float32, actual.grad!.dtype);
                    AssertNear(expected.grad!, actual.grad!, type);
                }
            },
            iter: 50);

    [Fact]
    public void The_backward_leaves_weights_alone_until_the_gradients_are_computed()
    {
        using var scope = NewDisposeScope();
        var weight = randn(3, 2).requires_grad_(true);
        using var later = new WeightGradients(weights);
        later.Linear(randn(4, 2).requires_grad_(true), weight, null).sum().backward();
        Assert.Null(weight.grad);
        later.Compute();
        Assert.NotNull(weight.grad);
    }

    /// <summary>Constants are cast copies: they must follow their weight.</summary>
    [Fact]
    public void After_a_step_the_new_weight_counts()
    {
        using var scope = NewDisposeScope();
        var weight = ones(1, 1).requires_grad_(true);
        var input = ones(1, 1, ScalarType.BFloat16);
        Assert.Equal(1, Output());
        using (no_grad())
        {
            weight.fill_(3);
        }

        weights.Clear();
        Assert.Equal(3, Output());

        float Output()
        {
            using var later = new WeightGradients(weights);
            return later.Linear(input, weight, null).to(ScalarType.Float32).item<float>();
        }
    }

    [Fact]
    public void An_embeddings_gradient_adds_rows_up_over_micro_batches()
    {
        using var scope = NewDisposeScope();
        var weight = zeros(4, 2).requires_grad_(true);
        foreach (var ids in new[] { new long[] { 3, 1, 3 }, [0, 0, 1] })
        {
            using var later = new WeightGradients(weights);
            autograd.backward(later.Embedding(weight, tensor(ids)), ones(3, 2));
            later.Compute();
        }

        Assert.Equal([2, 2, 2, 2, 0, 0, 2, 2], weight.grad!.data<float>().ToArray());
    }

    [Fact]
    public void An_output_that_no_loss_depends_on_gives_no_gradient()
    {
        using var scope = NewDisposeScope();
        var weight = randn(3, 2).requires_grad_(true);
        using var later = new WeightGradients(weights);
        later.Linear(randn(4, 2), weight, null);
        later.Compute();
        Assert.Null(weight.grad);
    }

    [Fact]
    public void Without_gradients_nothing_is_kept()
    {
        using var scope = NewDisposeScope();
        using var later = new WeightGradients(weights);
        using var noGradient = no_grad();
        var weight = randn(3, 2).requires_grad_(true);
        long[] counts = [Count(), Count()];   // the first makes the constants
        Assert.Equal(counts[0], counts[1]);

        long Count()
        {
            using (NewDisposeScope())
            {
                later.Linear(randn(4, 2), weight, null);
            }

            return Tensor.TotalCount;
        }
    }

    private static Tensor[] Leaves(Tensor[] values) => [.. values.Select(value => value.clone().requires_grad_(true))];

    private static Tensor Run(Tensor input, Tensor[] parameters, bool bias, bool one, Func<Tensor, Tensor, Tensor?, Tensor> linear)
    {
        var hidden = linear(input, parameters[0], bias ? parameters[1] : null);
        return one ? hidden : linear(hidden.tanh(), parameters[2], bias ? parameters[3] : null);
    }

    /// <summary>Single precision: 2^-24 over sums of some hundred terms; bfloat16: 2^-8.</summary>
    private static void AssertNear(Tensor expected, Tensor actual, ScalarType type)
    {
        var difference = (expected - actual).abs().max().to(ScalarType.Float32).item<float>();
        var size = expected.abs().max().to(ScalarType.Float32).item<float>();
        Assert.True(difference <= (type == ScalarType.BFloat16 ? 2e-2 : 2e-6) * Math.Max(size, 1), $"{difference} of {size}");
    }
}
