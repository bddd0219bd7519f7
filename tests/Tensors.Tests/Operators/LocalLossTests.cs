using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

[Collection(nameof(Alone))]
public class LocalLossTests
{
    [Fact]
    public void The_gradient_is_that_of_the_sum_of_both_losses()
    {
        using var scope = NewDisposeScope();
        var (one, other) = (randn(3, 4).requires_grad_(true), randn(4).requires_grad_(true));
        var (first, second) = (one.detach().clone().requires_grad_(true), other.detach().clone().requires_grad_(true));
        (Activation(one, other).square().sum() + (0.3 * Own(one, other))).backward();

        var attached = LocalLoss.Attach(Activation(first, second), Own(first, second), 0.3);
        Assert.Equal(0, (Activation(one, other) - attached).abs().max().item<float>());
        attached.square().sum().backward();
        Assert.Equal(0, (one.grad! - first.grad!).abs().max().item<float>(), 1e-6);
        Assert.Equal(0, (other.grad! - second.grad!).abs().max().item<float>(), 1e-6);

        static Tensor Activation(Tensor one, Tensor other) => (one * other).tanh();
        static Tensor Own(Tensor one, Tensor other) => (one * one * other).sum();
    }

    /// <summary>The step's loss may be scaled, by the number of its tokens for one: the local one has its own number.</summary>
    [Fact]
    public void The_local_gradient_does_not_depend_on_the_models()
    {
        using var scope = NewDisposeScope();
        foreach (var scale in new[] { 0f, 1f, 100f })
        {
            var (activation, own) = (ones(2, requires_grad: true), ones(1, requires_grad: true));
            autograd.backward(LocalLoss.Attach(activation, own.sum(), 0.25), full(2, scale));
            Assert.Equal(0.25f, own.grad!.item<float>());
            Assert.Equal(scale, activation.grad![0].item<float>());
        }
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        var before = Count();
        Assert.Equal(before, Count());

        static long Count()
        {
            using (NewDisposeScope())
            {
                var (activation, own) = (ones(2, requires_grad: true), ones(1, requires_grad: true));
                LocalLoss.Attach(activation, own.sum(), 0.25).sum().backward();
            }

            return Tensor.TotalCount;
        }
    }
}
