using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Transformer;

public class Gpt2Tests
{
    private static readonly Gpt2Settings Small = new("gpt2", Layers: 3, Width: 16, Heads: 2, Context: 8);

    /// <summary>GPT-2 small has 124,439,808 parameters (Hugging Face's gpt2).</summary>
    [Fact]
    public void GPT2_small_has_its_published_number_of_parameters() =>
        Assert.Equal(124_439_808, new Gpt2().Define(new Gpt2Settings("gpt2", 12, 768, 12, 1024), 50257).ParameterCount);

    [Theory]
    [InlineData(true, true, 3 * 16 * 16 * 12 + 3 * 16 * 13 + 5 * 16 + 8 * 16 + 2 * 16)]
    [InlineData(false, true, 3 * 16 * 16 * 12 + 3 * 16 * 2 + 5 * 16 + 8 * 16 + 16)]
    [InlineData(true, false, 3 * 16 * 16 * 12 + 3 * 16 * 13 + 5 * 16 + 8 * 16 + 2 * 16 + 5 * 16)]
    public void Biases_and_an_untied_head_are_counted(bool bias, bool tied, long parameters) =>
        Assert.Equal(parameters, new Gpt2().Define(Small with { Bias = bias, TieEmbeddings = tied }, 5).ParameterCount);

    [Fact]
    public void Initialisation_is_GPT2s()
    {
        using var scope = NewDisposeScope();
        var model = new Gpt2().Define(Small with { Width = 128, Layers = 4 }, 65);
        foreach (var definition in model.Parameters)
        {
            using var parameter = new Parameter(definition, 1, ScalarType.Float32, CPU);
            var (mean, deviation) = (parameter.Value.mean().item<float>(), parameter.Value.std().item<float>());
            var expected = definition.Name switch
            {
                var name when name.EndsWith("c_proj.weight", StringComparison.Ordinal) => 0.02 / Math.Sqrt(8),
                _ when definition.Shape.Count == 2 => 0.02,
                _ => 0,
            };
            Assert.Equal(definition.Name.Contains("ln_", StringComparison.Ordinal) && definition.Name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0, mean, 2e-3);
            // Five standard errors of a deviation: the positions are only a thousand numbers.
            Assert.Equal(expected, deviation, expected * 5 / Math.Sqrt(2 * parameter.Value.numel()));
        }
    }

    [Fact]
    public void An_output_does_not_depend_on_later_tokens()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 5, [2, 8], ScalarType.Int64);
        var changed = ids.clone();
        changed[.., 5] = (ids[.., 5] + 1).remainder(5);
        var (before, after) = (Run(Small, ids, false), Run(Small, changed, false));
        Assert.Equal(0, (before - after)[.., ..5].abs().max().item<float>());
        Assert.NotEqual(0, (before - after)[.., 5..].abs().max().item<float>());
    }

    /// <summary>With a dropout so small that no mask has a zero, the explicit attention must equal the fused one.</summary>
    [Fact]
    public void Explicit_attention_equals_the_fused_one()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 5, [2, 8], ScalarType.Int64);
        var (fused, explicitly) = (Run(Small, ids, true), Run(Small with { Dropout = 1e-9 }, ids, true));
        Assert.Equal(0, (fused - explicitly).abs().max().item<float>(), 1e-6);
    }

    [Fact]
    public void Dropout_acts_in_training_only_and_depends_on_step_and_micro_batch()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 5, [2, 8], ScalarType.Int64);
        var settings = Small with { Dropout = 0.2 };
        Assert.True(Same(Run(settings, ids, false), Run(Small, ids, false)));
        Assert.True(Same(Run(settings, ids, true), Run(settings, ids, true)));
        Assert.False(Same(Run(settings, ids, true), Run(settings, ids, true, step: 2)));
        Assert.False(Same(Run(settings, ids, true), Run(settings, ids, true, microBatch: 1)));
    }

    /// <summary>bfloat16 has 8 bits of mantissa: logits of order one agree to a few hundredths.</summary>
    [Fact]
    public void Computing_in_bfloat16_gives_nearly_the_same()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 5, [2, 8], ScalarType.Int64);
        var (single, brain) = (Run(Small, ids, true), Run(Small, ids, true, compute: ScalarType.BFloat16));
        Assert.Equal(ScalarType.BFloat16, brain.dtype);
        Assert.Equal(0, (single - brain.to(ScalarType.Float32)).abs().max().item<float>(), 0.05 * single.abs().max().item<float>());
    }

    private static bool Same(Tensor one, Tensor other) => one.equal(other).all().item<bool>();

    private static Tensor Run(
        Gpt2Settings settings, Tensor ids, bool training, long step = 1, int microBatch = 0, ScalarType compute = ScalarType.Float32)
    {
        var model = new Gpt2().Define(settings, 5);
        var values = model.Parameters.ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        var pass = new Pass(1, step, microBatch, training, compute);
        return model.Layers.Aggregate(ids, (value, layer) => layer.Build(values).Forward(value, pass));
    }
}
