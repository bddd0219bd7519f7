using Pipeline.Stages.Mamba3;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Mamba3;

public class Mamba3LanguageModelTests
{
    private static readonly Mamba3Settings Small = new("mamba3", Layers: 2, Width: 16, Context: 12, State: 8, HeadSize: 8, Groups: 2, Chunk: 4);

    /// <summary>d (2 di + 2 G N + 3 H + pairs) and d di of the projections, 2 H N biases, 2 N gains, 2 H of time steps and skips, and a norm.</summary>
    [Theory]
    [InlineData(false, (768 * ((2 * 1536) + 256 + 72 + 32)) + (768 * 1536) + (2 * 24 * 128) + 256 + 48 + 768)]
    [InlineData(true, (768 * ((2 * 1536) + 256 + 72 + 32)) + (768 * 1536) + (2 * 24 * 128) + 256 + 48 + 768 + 1536)]
    public void A_layer_has_its_number_of_parameters(bool norm, long layer)
    {
        var settings = new Mamba3Settings("mamba3", 24, 768, 2048, OutputNorm: norm);
        Assert.Equal((24 * layer) + 768 + (768 * 50288), new Mamba3LanguageModel().Define(settings, 50288).ParameterCount);
        Assert.Equal(768 * 50288, new Mamba3LanguageModel().Define(settings with { TieEmbeddings = false }, 50288).ParameterCount - (24 * layer) - 768 - (768 * 50288));
    }

    [Fact]
    public void Initialisation_is_mamba_ssms()
    {
        using var scope = NewDisposeScope();
        var settings = Small with { Width = 256, HeadSize = 4, Layers = 4, OutputNorm = true };
        var values = new Mamba3LanguageModel().Define(settings, 65).Parameters
            .ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value.detach(), StringComparer.Ordinal);
        var mixer = "backbone.layers.1.mixer";
        AssertSpread(values[$"{mixer}.dt_bias"].exp().log1p().log(), Math.Log(0.001), Math.Log(0.1));
        AssertSpread(values[$"{mixer}.in_proj.weight"], -1 / Math.Sqrt(256), 1 / Math.Sqrt(256));
        AssertSpread(values[$"{mixer}.out_proj.weight"], -1 / Math.Sqrt(512 * 4), 1 / Math.Sqrt(512 * 4));
        Assert.All(["D", "B_bias", "C_bias", "B_norm.weight", "C_norm.weight", "norm.weight"], name => AssertSpread(values[$"{mixer}.{name}"], 1, 1));
        Assert.Equal(0.02, values["backbone.embedding.weight"].std().item<float>(), 1e-3);
    }

    [Fact]
    public void Weight_decay_is_for_projections_and_the_embedding() =>
        Assert.All(
            new Mamba3LanguageModel().Define(Small with { OutputNorm = true }, 5).Parameters,
            parameter => Assert.Equal(
                parameter.Name.EndsWith("_proj.weight", StringComparison.Ordinal) || parameter.Name.EndsWith("embedding.weight", StringComparison.Ordinal),
                parameter.Decays));

    [Fact]
    public void An_output_does_not_depend_on_later_tokens()
    {
        using var scope = NewDisposeScope();
        var ids = Ids();
        var changed = ids.clone();
        changed[.., 5] = (ids[.., 5] + 1).remainder(5);
        var (before, after) = (Run(Small, ids), Run(Small, changed));
        Assert.Equal(0, (before - after)[.., ..5].abs().max().item<float>());
        Assert.True((before - after)[.., 5..].abs().max().item<float>() > 1e-3);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Prefill_and_steps_with_a_cache_give_the_logits_of_the_whole(bool tied)
    {
        using var scope = NewDisposeScope();
        using var cache = new Cache();
        var settings = Small with { TieEmbeddings = tied };
        var ids = Ids();
        var parts = ids.split([7, 1, 1, 1, 1, 1], 1).Select(part => Run(settings, part, Pass() with { Cache = cache })).ToArray();
        Assert.Equal(0, (Run(settings, ids) - cat(parts, 1)).abs().max().item<float>(), 1e-4);
    }

    /// <summary>bfloat16 has 8 bits of mantissa: logits of order one agree to a few hundredths. The residual stream is float32.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Computing_in_bfloat16_gives_nearly_the_same(bool residualInFp32)
    {
        using var scope = NewDisposeScope();
        var settings = Small with { ResidualInFp32 = residualInFp32 };
        var (single, brain) = (Run(settings, Ids()), Run(settings, Ids(), Pass() with { Compute = ScalarType.BFloat16 }));
        Assert.Equal(ScalarType.BFloat16, brain.dtype);
        Assert.Equal(0, (single - brain.to(ScalarType.Float32)).abs().max().item<float>(), 0.05 * single.abs().max().item<float>());
        var stream = Build(settings).First().Forward(Ids(), Pass() with { Compute = ScalarType.BFloat16 });
        Assert.Equal(residualInFp32 ? ScalarType.Float32 : ScalarType.BFloat16, stream.dtype);
    }

    [Fact]
    public void Settings_that_do_not_fit_each_other_are_refused()
    {
        Assert.Null(Small.Problem());
        Assert.Contains("head-size", (Small with { HeadSize = 5 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("groups", (Small with { Groups = 3 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("rotary-fraction", (Small with { RotaryFraction = 0.2 }).Problem(), StringComparison.Ordinal);
        Assert.Null((Small with { RotaryFraction = 0.25 }).Problem());
    }

    private static Tensor Ids()
    {
        using var generator = new Generator(2);
        return randint(0, 5, [2, 12], ScalarType.Int64, generator: generator);
    }

    private static Pass Pass() => new(1, 1, 0, Training: true, ScalarType.Float32);

    private static Tensor Run(Mamba3Settings settings, Tensor ids, Pass? pass = null) =>
        Build(settings).Aggregate(ids, (value, layer) => layer.Forward(value, pass ?? Pass()));

    private static IEnumerable<Layer> Build(Mamba3Settings settings)
    {
        var model = new Mamba3LanguageModel().Define(settings, 5);
        var values = model.Parameters.ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        return model.Layers.Select(layer => layer.Build(values));
    }

    /// <summary>Evenly between the bounds: the least and the largest near them, and the mean within five standard errors of the middle.</summary>
    private static void AssertSpread(Tensor values, double low, double high)
    {
        var (width, count) = (high - low, values.numel());
        Assert.InRange(values.min().item<float>(), low - 1e-3, low + (0.1 * width) + 1e-3);
        Assert.InRange(values.max().item<float>(), high - (0.1 * width) - 1e-3, high + 1e-3);
        Assert.Equal((low + high) / 2, values.mean().item<float>(), (5 * width / Math.Sqrt(12.0 * count)) + 1e-3);
    }
}
