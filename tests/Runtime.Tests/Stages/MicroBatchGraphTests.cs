using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Tensors.Devices;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

/// <summary>Native memory is counted for the whole process, so nothing else may run meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class MicroBatchGraphTests : IDisposable
{
    // What else the process allocates meanwhile is a few hundred KiB: small beside one of these.
    private const int Elements = 1 << 22;
    private static readonly Pass Training = new(1, 1, 0, true, ScalarType.Float32);
    private readonly ConstantWeights weights = new();

    public void Dispose() => weights.Dispose();

    /// <summary>The addition keeps nothing for its backward, so nothing may be left when the receiver has let go of the output.</summary>
    [Fact]
    public void An_output_that_was_handed_over_is_not_kept_for_its_bytes()
    {
        using var graph = new MicroBatchGraph(Training, weights);
        var before = DeviceMemory.Used(CPU);
        using (NewDisposeScope())
        {
            graph.Forward(Segments(input => input + 1), zeros(Elements));
            // The input, the output, and its clone at most.
            Assert.InRange((DeviceMemory.Used(CPU) - before) / (4.0 * Elements), 1.9, 3.2);
        }

        // The input alone: it is the leaf that the gradient arrives at.
        Assert.InRange((DeviceMemory.Used(CPU) - before) / (4.0 * Elements), 0.9, 1.2);
        using var scope = NewDisposeScope();
        Assert.Equal(3, graph.InputGradient(full(Elements, 3f))![0].item<float>());
    }

    /// <summary>Libtorch's engine takes no exception, and gradients that it then lacks must not be committed.</summary>
    [Fact]
    public void A_failed_backward_is_thrown_by_the_step_that_it_failed_in()
    {
        using var scope = NewDisposeScope();
        using var graph = new MicroBatchGraph(Training, weights);
        graph.Forward(Segments(input => Failing.apply(input)[0]), zeros(3));
        var failure = Assert.Throws<InvalidOperationException>(() => graph.InputGradient(ones(3)));
        Assert.Equal("The backward of Failing failed: planted", failure.Message);
    }

    /// <summary>tanh has its output for its backward: giving the bytes up must not touch that.</summary>
    [Fact]
    public void An_output_that_its_own_backward_needs_is_kept()
    {
        using var scope = NewDisposeScope();
        using var graph = new MicroBatchGraph(Training, weights);
        var input = randn(100);
        graph.Forward(Segments(value => value.tanh()), input);
        var expected = 1 - input.tanh().pow(2);
        Assert.Equal(0, (graph.InputGradient(ones(100))! - expected).abs().max().item<float>(), 1e-6);
    }

    [Theory]
    [InlineData("none", 9)]
    [InlineData("stage", 2)]
    [InlineData("2", 7)]
    [InlineData("1", 5)]
    public void Recompute_keeps_only_inputs_and_gives_the_same_bits(string rule, int kept)
    {
        // Four layers: the stage's input, and of each layer its output, which is the next one's input, and one tensor more where it is not recomputed.
        var layers = Enumerable.Range(0, 4).Select(_ => new TwoTanhLayer()).ToArray();
        var segments = Segment.Cut(layers, 1, 6, new RecomputeRule(rule), (output, _) => output);
        using var graph = new MicroBatchGraph(Training, weights);
        using var scope = NewDisposeScope();
        var (input, gradient) = (randn(Elements), randn(Elements));
        Alone.LiveTensors();   // what earlier tests have dropped must not be freed meanwhile
        var before = DeviceMemory.Used(CPU);
        Tensor output;
        using (var forward = NewDisposeScope())
        {
            output = graph.Forward(segments, input.clone()).MoveToOuterDisposeScope();
        }

        Assert.InRange((DeviceMemory.Used(CPU) - before) / (4.0 * Elements), kept - 0.01, kept + 0.3);
        var actual = graph.InputGradient(gradient)!;

        using var plain = new MicroBatchGraph(Training, weights);
        var whole = Segment.Cut(layers, 1, 6, new RecomputeRule("none"), (value, _) => value);
        Assert.Equal(0, (plain.Forward(whole, input.clone()) - output).abs().max().item<float>());
        Assert.Equal(0, (plain.InputGradient(gradient)! - actual).abs().max().item<float>());
    }

    private static IReadOnlyList<Segment> Segments(Func<Tensor, Tensor> run) => [new((input, _) => run(input), false)];

    private sealed class TwoTanhLayer : Layer
    {
        public override Tensor Forward(Tensor input, Pass pass) => input.tanh().tanh();
    }

    private sealed class Failing : FusedFunction<Failing>
    {
        public override string Name => nameof(Failing);

        protected override Tensor Forward(autograd.AutogradContext ctx, object[] arguments) => ((Tensor)arguments[0]).clone();

        protected override IReadOnlyList<Tensor?> Backward(autograd.AutogradContext ctx, Tensor gradient) => throw new NotSupportedException("planted");
    }
}
