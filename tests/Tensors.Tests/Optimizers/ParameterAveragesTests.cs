using Pipeline.Tensors.Models;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Optimizers;

public class ParameterAveragesTests
{
    [Theory]
    [InlineData(ScalarType.Float32, ScalarType.Float32)]
    [InlineData(ScalarType.Float64, ScalarType.Float64)]
    [InlineData(ScalarType.BFloat16, ScalarType.Float32)]
    public void An_average_begins_at_the_value_and_follows_it(ScalarType type, ScalarType expectedType)
    {
        using var scope = NewDisposeScope();
        using var gradientsOff = no_grad();
        using var parameter = new Parameter(new("p", [5], Initialization.Normal(1)), 1, type, CPU);
        using var averages = new ParameterAverages([parameter], 0.9);
        var average = averages[parameter]!;
        Assert.Equal(expectedType, average.dtype);
        var expected = parameter.Value.to(ScalarType.Float64, copy: true);
        AssertEqual(expected, average, 0);
        for (var step = 0; step < 5; step++)
        {
            parameter.Value.mul_(1.5).neg_();
            averages.Follow(parameter);
            expected = (0.9 * expected) + (0.1 * parameter.Value.to(ScalarType.Float64));
        }

        AssertEqual(expected, average, type == ScalarType.Float64 ? 1e-14 : 1e-6);
        averages.Restart(parameter);
        AssertEqual(parameter.Value, average, 0);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Values_come_back_exactly(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradientsOff = no_grad();
        using var parameter = new Parameter(new("p", [50], Initialization.Normal(1)), 1, type, CPU);
        using var other = new Parameter(new("q", [50], Initialization.Normal(1)), 1, type, CPU);
        using var averages = new ParameterAverages([parameter], 0.5);
        var (initial, others) = (parameter.Value.clone(), other.Value.clone());
        parameter.Value.mul_(1.7);
        var own = parameter.Value.clone();
        Assert.False(averages.SwapOut());
        Assert.True(averages.SwapIn());
        Assert.False(averages.SwapIn());
        AssertEqual(initial, parameter.Value, 0);   // nothing has been followed yet
        Assert.True(averages.SwapOut());
        AssertEqual(own, parameter.Value, 0);
        AssertEqual(initial, averages[parameter]!, 0);
        AssertEqual(others, other.Value, 0);
        Assert.Null(averages[other]);
    }

    private static void AssertEqual(Tensor expected, Tensor actual, double tolerance) =>
        Assert.Equal(0, (expected.to(ScalarType.Float64) - actual.detach().to(ScalarType.Float64)).abs().max().item<double>(), tolerance);
}
