using Pipeline.Core.Jobs;
using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Tests;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

/// <summary>Counts the tensors of the process.</summary>
[Collection(nameof(Alone))]
public class ReasonerMemoryTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Step_after_step_no_tensor_is_left(bool isHrm)
    {
        Alone.LiveTensors();   // what earlier tests have left goes now, not meanwhile
        using var scope = NewDisposeScope();
        ModelSettings settings = isHrm
            ? new HrmSettings("hrm", 16, 2, 4, HighLayers: 1, LowLayers: 1, HaltMaxPasses: 3)
            : new TrmSettings("trm", 16, 4, 2, NetLayers: 1, HighCycles: 2, LowCycles: 2, PuzzleLength: 2, HaltMaxPasses: 3);
        var model = new ReasonerModel(settings, ScalarType.Float32);
        var input = randint(0, ReasonerModel.Vocabulary, [3, 4], ScalarType.Int64);
        long[] counts = [.. Enumerable.Range(0, 6).Select(_ => Step(null)), .. Enumerable.Range(0, 6).Select(_ => Step(Carry.Empty(3)))];
        Assert.All(counts[2..], count => Assert.Equal(counts[1], count));

        long Step(Carry? carry)
        {
            using (carry)
            {
                using (NewDisposeScope())
                {
                    model.Step(input, input, UnrolledRecursionTests.TestPass(carry, ScalarType.Float32), splits: true, 2);
                }
            }

            return Tensor.TotalCount;
        }
    }

    /// <summary>A call without gradient keeps none of what it needs meanwhile.</summary>
    [Fact]
    public void A_call_without_gradient_leaves_its_stream_alone()
    {
        using var scope = NewDisposeScope();
        var model = new ReasonerModel(new TrmSettings("trm", 16, 4, 2, HighCycles: 2, LowCycles: 1, PuzzleLength: 2), ScalarType.Float32);
        var stream = model.Layers[0].Forward(zeros([3, 4], ScalarType.Int64), UnrolledRecursionTests.TestPass(null, ScalarType.Float32));
        Assert.InRange(Made(1), 1, 10);
        Assert.True(Made(3) > 50);

        long Made(int layer)
        {
            var before = Tensor.TotalCount;
            model.Layers[layer].Forward(stream, UnrolledRecursionTests.TestPass(null, ScalarType.Float32));
            return Tensor.TotalCount - before;
        }
    }
}
