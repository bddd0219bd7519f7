using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

[Collection(nameof(Alone))]
public class BackwardFailureTests
{
    [Fact]
    public void A_failed_backward_leaves_no_gradient_and_is_told_once_after_it()
    {
        using var scope = NewDisposeScope();
        BackwardFailure.ThrowIfAny();
        var (one, other) = (ones(2, requires_grad: true), ones(2, requires_grad: true));
        Failing.apply(one, 3, other)[0].sum().backward();
        Assert.Null(one.grad);
        Assert.Null(other.grad);

        var failure = Assert.Throws<InvalidOperationException>(BackwardFailure.ThrowIfAny);
        Assert.Equal("The backward of Failing failed: planted", failure.Message);
        Assert.IsType<NotSupportedException>(failure.InnerException);
        BackwardFailure.ThrowIfAny();
    }

    /// <summary>As where libtorch's engine has threads of its own: the failure is for who ran the forward, and for no other stage.</summary>
    [Fact]
    public void It_is_told_on_the_thread_of_the_forward()
    {
        using var scope = NewDisposeScope();
        BackwardFailure.ThrowIfAny();
        var input = ones(2, requires_grad: true);
        var output = Failing.apply(input, 3, input)[0].sum();
        Exception? elsewhere = null;
        var thread = new Thread(() =>
        {
            output.backward();
            elsewhere = Record.Exception(BackwardFailure.ThrowIfAny);
        });
        thread.Start();
        thread.Join();
        Assert.Null(elsewhere);
        Assert.Throws<InvalidOperationException>(BackwardFailure.ThrowIfAny);
    }

    private sealed class Failing : FusedFunction<Failing>
    {
        public override string Name => nameof(Failing);

        protected override Tensor Forward(autograd.AutogradContext ctx, object[] arguments) => ((Tensor)arguments[0]).clone();

        protected override IReadOnlyList<Tensor?> Backward(autograd.AutogradContext ctx, Tensor gradient) => throw new NotSupportedException("planted");
    }
}
