using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Transformer;

public class LlamaTests
{
    private static readonly LlamaSettings Small = new("llama", Layers: 2, Width: 16, Heads: 4, Context: 8, KeyValueHeads: 2, Inner: 24);

    /// <summary>The published models' numbers, as their safetensors have them.</summary>
    [Fact]
    public void Published_models_have_their_number_of_parameters()
    {
        Assert.Equal(6_738_415_616, Count(new("llama", 32, 4096, 32, 4096), 32000));                                                         // Llama 2 7B: inner 11008 is the default
        Assert.Equal(8_030_261_248, Count(new("llama", 32, 4096, 32, 8192, 8, Inner: 14336, RopeTheta: 500_000), 128256));                  // Llama 3 8B
        Assert.Equal(1_235_814_400, Count(new("llama", 16, 2048, 32, 131_072, 8, 64, 8192, TieEmbeddings: true), 128256));                 // Llama 3.2 1B
    }

    [Fact]
    public void Biases_are_counted() => Assert.Equal(
        Count(Small, 5) + (2 * (16 + 8 + 8 + 16 + 24 + 24 + 16)), Count(Small with { AttentionBias = true, FeedForwardBias = true }, 5));

    [Fact]
    public void Initialisation_is_normal_with_smaller_residual_projections()
    {
        using var scope = NewDisposeScope();
        foreach (var definition in new Llama().Define(Small with { Width = 128, Layers = 4 }, 65).Parameters)
        {
            using var parameter = new Parameter(definition, 1, ScalarType.Float32, CPU);
            var expected = definition.Name switch
            {
                var name when name.Contains("norm", StringComparison.Ordinal) => 0,
                var name when name.Contains("o_proj", StringComparison.Ordinal) || name.Contains("down_proj", StringComparison.Ordinal) => 0.02 / Math.Sqrt(8),
                _ => 0.02,
            };
            Assert.Equal(expected == 0 ? 1 : 0, parameter.Value.mean().item<float>(), 2e-3);
            Assert.Equal(expected, parameter.Value.std().item<float>(), expected * 5 / Math.Sqrt(2 * parameter.Value.numel()));
        }
    }

    [Fact]
    public void An_output_does_not_depend_on_later_tokens()
    {
        using var scope = NewDisposeScope();
        var model = new ModelRun(new Llama(), Small, 5);
        var ids = randint(0, 5, [2, 8], ScalarType.Int64);
        var changed = ids.clone();
        changed[.., 5] = (ids[.., 5] + 1).remainder(5);
        var difference = (model.Forward(ids) - model.Forward(changed)).abs();
        Assert.Equal(0, difference[.., ..5].max().item<float>());
        Assert.NotEqual(0, difference[.., 5..].max().item<float>());
    }

    /// <summary>bfloat16 has 8 bits of mantissa: logits of order one agree to a few hundredths.</summary>
    [Fact]
    public void Computing_in_bfloat16_gives_nearly_the_same()
    {
        using var scope = NewDisposeScope();
        var model = new ModelRun(new Llama(), Small, 5);
        var ids = randint(0, 5, [2, 8], ScalarType.Int64);
        var (single, brain) = (model.Forward(ids), model.Forward(ids, ModelRun.Evaluation with { Compute = ScalarType.BFloat16 }));
        Assert.Equal(ScalarType.BFloat16, brain.dtype);
        Assert.InRange(ModelRun.Distance(single, brain.to(ScalarType.Float32)), 0, 0.05 * single.abs().max().item<float>());
    }

    [Fact]
    public void Settings_that_do_not_fit_are_refused()
    {
        Assert.Null(Small.Problem());
        Assert.StartsWith("model.heads is 3,", (Small with { Heads = 3 }).Problem(), StringComparison.Ordinal);
        Assert.Null((Small with { Heads = 6, HeadSize = 4 }).Problem());
        Assert.StartsWith("model.key-value-heads is 3,", (Small with { KeyValueHeads = 3 }).Problem(), StringComparison.Ordinal);
        Assert.StartsWith("model.head-size is 3,", (Small with { HeadSize = 3 }).Problem(), StringComparison.Ordinal);
        Assert.StartsWith("model.rope-high-frequency-factor is 1;", (Small with { RopeType = "llama3", RopeHighFrequencyFactor = 1 }).Problem(), StringComparison.Ordinal);
    }

    /// <summary>Matrix products of Llama 2 7B's blocks: twice their parameters a token, and attention.</summary>
    [Fact]
    public void A_blocks_cost_is_that_of_its_products()
    {
        var block = new Llama().Define(new LlamaSettings("llama", 1, 4096, 32, 512), 32000).Layers[1];
        var matrices = block.Parameters.Where(parameter => parameter.Shape.Count == 2).Sum(parameter => parameter.Elements);
        Assert.Equal(512 * ((2.0 * matrices) + (4.0 * 512 * 4096)), block.Cost.ForwardFlops);
    }

    private static long Count(LlamaSettings settings, int vocabulary) => new Llama().Define(settings, vocabulary).ParameterCount;
}
