using Pipeline.Core.Jobs;
using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

/// <summary>A recursion in layers is the recursion.</summary>
public class UnrolledRecursionTests
{
    private const int Cells = 4;

    private static readonly Dictionary<string, ModelSettings> Models = new(StringComparer.Ordinal)
    {
        ["hrm"] = new HrmSettings("hrm", 16, 2, Cells, HighLayers: 2, LowLayers: 1, HaltMaxPasses: 3),
        ["hrm learned"] = new HrmSettings("hrm", 16, 2, Cells, HighLayers: 1, LowLayers: 2, LowCycles: 3, Positions: "learned", PuzzleLength: 2, HaltMaxPasses: 3),
        ["hrm once"] = new HrmSettings("hrm", 16, 2, Cells, HighLayers: 1, LowLayers: 1, HighCycles: 1, LowCycles: 1, HaltMaxPasses: 1, Positions: "none", Loss: "softmax"),
        ["trm"] = new TrmSettings("trm", 16, Cells, 2, HighCycles: 2, LowCycles: 2, PuzzleLength: 2, HaltMaxPasses: 3),
        ["trm mlp-t"] = new TrmSettings("trm", 16, Cells, MlpT: true, NetLayers: 1, HighCycles: 3, LowCycles: 2, PuzzleLength: 3, HaltMaxPasses: 3),
        ["trm one cycle"] = new TrmSettings("trm", 16, Cells, 2, NetLayers: 1, HighCycles: 1, LowCycles: 3, PuzzleLength: 0, HaltMaxPasses: 3, Positions: "learned", Loss: "softmax"),
    };

    public static TheoryData<string> Names => [.. Models.Keys];

    /// <summary>In float64 rounding is what is left, 1e-9 of the largest number; rotary angles are float32 here as in the reference implementations,
    /// and a cosine's 6e-8 grow in each of up to ten calls one upon the other.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_the_recursion_as_loops_would_run_it(string name)
    {
        using var scope = NewDisposeScope();
        var settings = Models[name];
        var tolerance = settings is HrmSettings { Positions: "rotary" } or TrmSettings { Positions: "rotary", MlpT: false } ? 1e-4 : 1e-9;
        var model = new ReasonerModel(settings, ScalarType.Float64);
        using var carry = model.Carry(ScalarType.Float64);
        using var generator = new Generator(5);
        var input = randint(0, ReasonerModel.Vocabulary, [3, Cells], ScalarType.Int64, generator: generator);
        var (targets, passes) = (Targets(settings, model.Values, input, carry), carry.Passes.ToArray());
        var plain = new PlainReasoner(settings, model.Values);
        var (loss, _, state) = plain.Step(input, targets, carry.State!, passes);
        loss.backward();
        foreach (var splits in new[] { false, true })
        {
            var (unrolledLoss, gradients) = model.Step(input, targets, TestPass(carry, ScalarType.Float64), splits);
            Assert.Equal(ScalarType.Float64, unrolledLoss.dtype);
            Near(loss, unrolledLoss, tolerance, "loss");
            Near(state, carry.Next!.State!, tolerance, "state");
            Assert.Equal(
                model.Definition.Parameters.Where(p => p.Update != ParameterUpdate.Fixed).Select(p => p.Name).Order(), gradients.Keys.Order());
            foreach (var (parameter, gradient) in gradients)
            {
                Near(plain.Parameters[parameter].grad!, gradient, tolerance, parameter);
            }
        }
    }

    /// <summary>What the definition says has no gradient has none, and the rest has one.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_come_from_the_calls_that_are_learned_from_alone(string name)
    {
        using var scope = NewDisposeScope();
        var model = new ReasonerModel(Models[name], ScalarType.Float32);
        using var carry = model.Carry(ScalarType.Float32);
        var input = randint(0, ReasonerModel.Vocabulary, [3, Cells], ScalarType.Int64);
        model.Step(input, input, TestPass(carry, ScalarType.Float32), splits: true);
        Assert.All(model.GradientsByLayer, layer => Assert.Equal(
            layer.Layer.IsWithoutGradient ? [] : layer.Layer.Parameters.Where(p => p.Update != ParameterUpdate.Fixed).Select(p => p.Name).Order(),
            layer.Gradients.Keys.Order()));
        var calls = model.Definition.Layers.Where(layer => !layer.IsWithoutGradient).Select(layer => layer.Name);
        Assert.Equal(
            name switch
            {
                "hrm" => "embedding cycle.1.low.1 cycle.1.high head",
                "hrm learned" => "embedding cycle.1.low.2 cycle.1.high head",
                "hrm once" => "embedding cycle.0.low.0 cycle.0.high head",
                "trm" => "embedding cycle.1.low.0 cycle.1.low.1 cycle.1.high head",
                "trm mlp-t" => "embedding cycle.2.low.0 cycle.2.low.1 cycle.2.high head",
                _ => "embedding cycle.0.low.0 cycle.0.low.1 cycle.0.low.2 cycle.0.high head",
            },
            string.Join(' ', calls));
    }

    /// <summary>The promise of the pipeline, without one: where the layers are cut changes no bit.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_cut_changes_no_bit(string name)
    {
        using var scope = NewDisposeScope();
        var model = new ReasonerModel(Models[name], ScalarType.Float32);
        using var carry = model.Carry(ScalarType.Float32);
        var input = randint(0, ReasonerModel.Vocabulary, [3, Cells], ScalarType.Int64);
        var (loss, gradients) = Step();
        var state = carry.Next!.State!.clone();
        var cuts = Enumerable.Range(1, model.Layers.Count - 1).ToArray();
        foreach (var some in cuts.Select(cut => new[] { cut }).Append(cuts))
        {
            var (cutLoss, cutGradients) = Step(some);
            Assert.True(IsSame(loss, cutLoss) && IsSame(state, carry.Next!.State!), $"cut before {string.Join(", ", some)}");
            Assert.All(gradients, gradient => Assert.True(IsSame(gradient.Value, cutGradients[gradient.Key]), $"{gradient.Key}, cut before {string.Join(", ", some)}"));
        }

        (Tensor Loss, IReadOnlyDictionary<string, Tensor> Gradients) Step(params int[] at)
        {
            var (stepLoss, stepGradients) = model.Step(input, input, TestPass(carry, ScalarType.Float32), splits: true, at);
            return (stepLoss.detach().clone(), stepGradients.ToDictionary(entry => entry.Key, entry => entry.Value.clone()));
        }

        static bool IsSame(Tensor one, Tensor other) => ModelRun.Distance(one, other) == 0;
    }

    /// <summary>An evaluation needs no look-ahead.</summary>
    [Fact]
    public void A_look_ahead_is_not_run_in_evaluation()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = new ReasonerModel(Models["hrm"], ScalarType.Float32);
        using var carry = model.Carry(ScalarType.Float32);
        var pass = TestPass(carry, ScalarType.Float32) with { Training = false };
        var stream = randint(0, ReasonerModel.Vocabulary, [3, Cells], ScalarType.Int64);
        foreach (var (definition, layer) in model.Definition.Layers.Zip(model.Layers).SkipLast(1))
        {
            var next = layer.Forward(stream, pass);
            Assert.Equal(definition.Name.StartsWith("ahead", StringComparison.Ordinal), ReferenceEquals(stream, next));
            stream = next;
            Assert.Equal([3, 3, 5, 16], stream.shape);
        }

        Assert.Equal([3, 5, 5, 16], model.Layers[..^1].Aggregate(randint(0, 5, [3, Cells], ScalarType.Int64), (value, layer) => layer.Forward(value, pass with { Training = true })).shape);
    }

    [Fact]
    public void Computing_in_bfloat16_gives_nearly_the_same()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var settings in Models.Values)
        {
            var model = new ReasonerModel(settings, ScalarType.Float32, scale: 0.1);   // large weights make a chaos of ten calls one upon the other
            using var carry = model.Carry(ScalarType.Float32);
            var input = randint(0, ReasonerModel.Vocabulary, [3, Cells], ScalarType.Int64);
            var (single, brain) = (model.Output(input, TestPass(carry, ScalarType.Float32)), model.Output(input, TestPass(carry, ScalarType.BFloat16)));
            Assert.Equal(ScalarType.BFloat16, brain.dtype);
            // 8 bits of mantissa: a few hundredths.
            Assert.InRange((single - brain.to(ScalarType.Float32)).abs().mean().item<float>(), 0, 0.05 * single.abs().mean().item<float>());
        }
    }

    internal static Pass TestPass(Carry? carry, ScalarType type) => new(1, 3, 2, Training: true, type) { Carry = carry };

    /// <summary>All right in the first sequence; anything, but for two cells without a target, in the others.</summary>
    private static Tensor Targets(ModelSettings settings, IReadOnlyDictionary<string, Tensor> values, Tensor input, Carry carry)
    {
        var logits = new PlainReasoner(settings, values).Step(input, input, carry.State!, [.. carry.Passes]).Logits;
        var targets = cat([logits[..1].argmax(-1), input[1..]], 0);
        targets[0, 3] = targets[1, 0] = Objective.Ignored;
        return targets;
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance, string what)
    {
        var largest = expected.abs().max().item<double>();
        var distance = (expected - actual).abs().max().item<double>();
        Assert.True(largest > 0 && distance <= tolerance * largest, $"{what} differs by {distance} of {largest}");
    }
}
