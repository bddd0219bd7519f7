using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Operators;

/// <summary>Counts the tensors of the process.</summary>
[Collection(nameof(Alone))]
public class StateSpaceDualMemoryTests
{
    /// <param name="usesState">Not so in training: nothing depends on the last state.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Step_after_step_no_tensor_is_left(bool usesState)
    {
        long[] counts = [.. Enumerable.Range(0, 6).Select(_ => Step(usesState))];
        Assert.All(counts[2..], count => Assert.Equal(counts[1], count));
    }

    /// <returns>Tensors that are alive after a forward and a backward.</returns>
    private static long Step(bool usesState)
    {
        using (NewDisposeScope())
        {
            var x = randn(2, 9, 4, 3).requires_grad_(true);
            var b = randn(2, 9, 1, 5).requires_grad_(true);
            var (output, state) = StateSpaceDual.Run(x, rand(2, 9, 4), rand(4).neg(), b, b, ones(4), 4);
            (usesState ? output.sum() + state.sum() : output.sum()).backward();
        }

        return Tensor.TotalCount;
    }
}
