using Pipeline.Core.Jobs;
using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

public class ReasonerTests
{
    /// <summary>As the reference implementations have them for Sudoku: 81 cells; blank, nine digits and padding.</summary>
    private static readonly HrmSettings Hrm = new("hrm", 512, 8, 81);

    private static readonly TrmSettings Trm = new("trm", 512, 81, 8);

    [Fact]
    public void The_reference_configurations_have_their_number_of_parameters()
    {
        Assert.Equal(27_275_266, new HierarchicalReasoningModel().Define(Hrm, 11).ParameterCount);
        Assert.Equal(6_828_034, new TinyRecursiveModel().Define(Trm, 11).ParameterCount);
        var mlp = new TinyRecursiveModel().Define(Trm with { MlpT = true }, 11);
        Assert.Equal(5_028_866, mlp.ParameterCount);
        Assert.Equal(5_030_402, mlp.Parameters.Sum(parameter => parameter.Elements));
    }

    [Fact]
    public void Each_call_is_a_layer_that_may_be_cut_off()
    {
        Assert.Equal(21, Trm.Layers);
        Assert.Equal(21 + 2, ReasonerModel.Of(Trm).Layers.Count);
        Assert.Equal(12, Hrm.Layers);
        Assert.Equal(
            "embedding cycle.0.low.0 cycle.0.low.1 cycle.0.high cycle.1.low.0 cycle.1.low.1 cycle.1.high "
                + "ahead.0.low.0 ahead.0.low.1 ahead.0.high ahead.1.low.0 ahead.1.low.1 ahead.1.high head",
            string.Join(' ', ReasonerModel.Of(Hrm).Layers.Select(layer => layer.Name)));
        var once = new HrmSettings("hrm", 512, 8, 81, HaltMaxPasses: 1);
        Assert.Equal((6, 6 + 2), (once.Layers, ReasonerModel.Of(once).Layers.Count));
        Assert.StartsWith("2 x model.high-cycles", Hrm.LayersKey, StringComparison.Ordinal);
        Assert.StartsWith("model.high-cycles", once.LayersKey, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_carried_has_the_shape_of_the_states()
    {
        Assert.Equal([2, 82, 512], ReasonerModel.Of(Hrm).Carry!.Shape);
        Assert.Equal([2, 97, 512], ReasonerModel.Of(Trm).Carry!.Shape);
        Assert.Equal(5, ReasonerModel.Of(Trm with { HaltMaxPasses = 5 }).Carry!.Passes);
        Assert.True(ReasonerModel.Of(Hrm).Objective.IsPerSequence);
    }

    /// <summary>A truncated normal distribution of deviation 1/sqrt(inputs) ends at 2 / 0.8796 of its deviations.</summary>
    [Fact]
    public void Initialisation_is_that_of_the_reference_implementations()
    {
        using var scope = NewDisposeScope();
        foreach (var definition in ReasonerModel.Of(new TrmSettings("trm", 128, 81, 4, Positions: "learned")).Parameters)
        {
            using var parameter = new Parameter(definition, 1, ScalarType.Float32, CPU);
            switch (definition.Name)
            {
                case "q_head.bias":
                    Assert.Equal(-5, parameter.Value.mean().item<float>());
                    break;
                case "q_head.weight" or "puzzle_emb.weights":
                    Assert.Equal(0, parameter.Value.abs().max().item<float>());
                    break;
                default:
                    var deviation = definition.Shape.Count == 1 ? 1 : 1 / Math.Sqrt(definition.Shape[1]);
                    Assert.Equal(0, parameter.Value.mean().item<float>(), 5 * deviation / Math.Sqrt(definition.Elements));
                    Assert.Equal(deviation, parameter.Value.std().item<float>(), deviation * 5 / Math.Sqrt(2 * definition.Elements));
                    Assert.InRange(parameter.Value.abs().max().item<float>(), 0, 2 / 0.8796 * deviation);
                    break;
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void A_truncated_normal_distribution_has_its_deviation_and_its_shape(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var values = empty(400_000, type);
        new TruncatedNormal(3).Fill(values, generator);
        var (sorted, cut) = (values.to(ScalarType.Float64).sort().Values / 3, 2 / 0.87962566);
        Assert.Equal(1, sorted.std().item<double>(), 0.005);
        Assert.InRange(sorted.abs().max().item<double>(), 0.99 * cut, cut);
        // The quartile of a normal distribution that is cut where 95.45 % are left: 0.25 * 0.9545 from its middle.
        Assert.Equal(-0.63951 / 0.87962566, sorted[100_000].item<double>(), 0.01);
    }

    [Fact]
    public void States_are_fixed_and_the_puzzle_embedding_descends_by_signs()
    {
        var updates = ReasonerModel.Of(Trm with { PuzzleLearningRate = 0.5, PuzzleWeightDecay = 0.25 }).Parameters.ToDictionary(p => p.Name, p => p.Update);
        Assert.Equal(ParameterUpdate.SignDescent(0.5, 0.25), updates["puzzle_emb.weights"]);
        Assert.Equal(["H_init", "L_init"], updates.Where(entry => entry.Value == ParameterUpdate.Fixed).Select(entry => entry.Key));
        Assert.Equal(3, updates.Values.Count(update => update is not null));
        Assert.DoesNotContain(ReasonerModel.Of(Trm with { PuzzleLength = 0 }).Parameters, parameter => parameter.Name == "puzzle_emb.weights");
    }

    [Fact]
    public void Settings_that_do_not_fit_are_refused()
    {
        Assert.Null(Hrm.Problem());
        Assert.Null(Trm.Problem());
        Assert.StartsWith("model.heads is 3, which does not divide model.width 512", (Hrm with { Heads = 3 }).Problem(), StringComparison.Ordinal);
        Assert.StartsWith("model.heads is 512, which makes heads of 1 numbers", (Hrm with { Heads = 512 }).Problem(), StringComparison.Ordinal);
        Assert.Null((Hrm with { Heads = 512, Positions = "learned" }).Problem());
        Assert.StartsWith("model.heads is missing", (Trm with { Heads = null }).Problem(), StringComparison.Ordinal);
        Assert.StartsWith("model.heads is 3,", (Trm with { Heads = 3 }).Problem(), StringComparison.Ordinal);
        Assert.Null((Trm with { Heads = null, MlpT = true }).Problem());
    }

    /// <summary>Matrix products of a call: twice their parameters a position, and attention.</summary>
    [Fact]
    public void A_calls_cost_is_that_of_its_products()
    {
        foreach (ModelSettings settings in new ModelSettings[] { Hrm, Trm })
        {
            var model = ReasonerModel.Of(settings);
            var (call, length, blocks) = (model.Layers[1], model.Carry!.Shape[1], settings is HrmSettings ? 4 : 2);
            var matrices = call.Parameters.Sum(parameter => parameter.Elements);
            Assert.Equal(length * ((2.0 * matrices) + (4.0 * blocks * length * 512)), call.Cost.ForwardFlops);
        }
    }
}
