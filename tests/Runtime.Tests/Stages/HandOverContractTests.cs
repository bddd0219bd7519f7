using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

/// <summary>What another worker hands over is looked at before libtorch gets it: the process must survive whatever comes.</summary>
public sealed class HandOverContractTests : IDisposable
{
    private readonly TestRun run = new();

    public void Dispose() => run.Dispose();

    [Theory]
    [InlineData("float32", ScalarType.Float32, new long[] { 3, 16, 31 }, "the gradient of micro-batch 1 came as Float32 [3, 16, 31], and Float32 [3, 16, 32] is expected")]
    [InlineData("float32", ScalarType.Float32, new long[] { 1 }, "the gradient of micro-batch 1 came as Float32 [1], and Float32 [3, 16, 32] is expected")]
    [InlineData("float32", ScalarType.Float64, new long[] { 3, 16, 32 }, "the gradient of micro-batch 1 came as Float64 [3, 16, 32], and Float32 [3, 16, 32] is expected")]
    [InlineData("bfloat16", ScalarType.Float32, new long[] { 3, 16, 32 }, "the gradient of micro-batch 1 came as Float32 [3, 16, 32], and BFloat16 [3, 16, 32] is expected")]
    public void A_gradient_has_the_type_and_shape_of_the_output(string compute, ScalarType type, long[] shape, string sentence)
    {
        using var plan = run.Plan(false, "parallel.stages=2", $"precision.compute={compute}");
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        executor.Forward(1, 1, null)!.Dispose();
        AssertRefused(sentence, zeros(shape, type), gradient => executor.InputGradient(1, gradient));
    }

    [Theory]
    [InlineData("float32", ScalarType.BFloat16, new long[] { 3, 16, 32 }, "came as BFloat16 [3, 16, 32], and Float32 [3, ...] is expected")]
    [InlineData("bfloat16", ScalarType.Float32, new long[] { 3, 16, 32 }, "came as Float32 [3, 16, 32], and BFloat16 [3, ...] is expected")]
    [InlineData("float32", ScalarType.Float32, new long[] { 4, 16, 32 }, "came as Float32 [4, 16, 32], and Float32 [3, ...] is expected")]
    [InlineData("float32", ScalarType.Int64, new long[] { 4, 16 }, "came as Int64 [4, 16], and Float32 [3, ...] is expected")]
    [InlineData("float32", ScalarType.Float32, new long[] { }, "came as Float32 [], and Float32 [3, ...] is expected")]
    public void An_activation_has_the_computing_type_and_the_sequences(string compute, ScalarType type, long[] shape, string sentence)
    {
        using var plan = run.Plan(false, "parallel.stages=2", $"precision.compute={compute}");
        using var executor = plan.Stages.CreateExecutor(1, 1, CPU);
        AssertRefused($"the activation of micro-batch 1 {sentence}", zeros(shape, type), input => executor.Forward(1, 1, input));
        AssertRefused($"the activation of validation micro-batch 1 {sentence}", zeros(shape, type), input => executor.Evaluate(0, 1, 0, input));
    }

    [Theory]
    [InlineData(ScalarType.Float32, new long[] { 32 })]
    [InlineData(ScalarType.BFloat16, null)]
    public void A_tied_parameter_has_its_type_and_shape(ScalarType type, long[]? shape)
    {
        using var plan = run.Plan(false, "parallel.stages=1");
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        var copy = Assert.Single(plan.Partition.TiedCopies);
        long[] own = [.. copy.Parameter.Shape];
        var sentence = $"of tied copy 0 came as {type} [{string.Join(", ", shape ?? own)}], and Float32 [{string.Join(", ", own)}] is expected";
        executor.Forward(1, 0, null);
        executor.InputGradient(0, null);
        executor.WeightGradient(0);
        AssertRefused($"the gradient {sentence}", zeros(shape ?? own, type), gradient => executor.AddTiedGradient(copy, gradient));
        AssertRefused($"the value {sentence}", zeros(shape ?? own, type), value => executor.SetTiedValue(copy, value));
    }

    [Fact]
    public async Task A_broken_contract_ends_the_run_with_its_sentence()
    {
        var summary = await run.RunAsync(
            false, ["parallel.stages=2"], (stage, executor) => stage == 0 ? new CastingExecutor(executor) : executor, CancellationToken.None);
        Assert.Equal("Stage 1 failed while running 1F0: the activation of micro-batch 0 came as Float64 [3, 16, 32], and Float32 [3, ...] is expected.", summary.Failure);
    }

    /// <summary>The tensor is the executor's even when it is refused.</summary>
    private static void AssertRefused(string sentence, Tensor handed, Action<Tensor> use)
    {
        Assert.Equal(sentence, Assert.Throws<InvalidDataException>(() => use(handed)).Message);
        Assert.True(handed.IsInvalid);
    }

    private sealed class CastingExecutor(IStageExecutor inner) : ExecutorWrapper(inner)
    {
        public override Tensor? Forward(long step, int microBatch, Tensor? input)
        {
            using var output = base.Forward(step, microBatch, input)!;
            return output.to(ScalarType.Float64);
        }
    }
}
