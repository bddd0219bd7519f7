using Pipeline.Tensors.Models;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Optimizers;

public class SignDescentTests
{
    [Theory]
    [InlineData(0.5, 0.0)]
    [InlineData(0.25, 0.5)]
    public void The_sign_of_the_gradient_is_all_that_counts(double rate, double decay)
    {
        using var scope = NewDisposeScope();
        using var parameter = new Parameter(
            new("p", [4], Initialization.Normal(1), Update: ParameterUpdate.SignDescent(rate, decay)), 1, ScalarType.Float32, CPU);
        using var descent = new SignDescent(ParameterPiece.Whole([parameter]));
        var before = parameter.Value.detach().clone();
        parameter.Value.grad = tensor([1e-20f, -3f, 0f, 1e20f]);
        descent.Apply();
        var expected = (before * (1 - (rate * decay))) - (rate * tensor([1f, -1f, 0f, 1f]));
        Assert.Equal(0, (expected - parameter.Value.detach()).abs().max().item<float>(), 1e-7);
    }
}
