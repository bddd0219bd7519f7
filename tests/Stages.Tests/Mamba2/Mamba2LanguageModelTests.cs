using Pipeline.Stages.Mamba2;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Mamba2;

public class Mamba2LanguageModelTests
{
    private static readonly Mamba2Settings Small = new("mamba2", Layers: 2, Width: 16, Context: 12, State: 8, HeadSize: 8, Groups: 2, Chunk: 4);

    /// <summary>The published models, 130M to 2.7B (state-spaces/mamba2-*); their vocabulary is padded to a multiple of 16.</summary>
    [Theory]
    [InlineData(24, 768, 128_989_632)]
    [InlineData(48, 1024, 368_346_624)]
    [InlineData(48, 1536, 780_161_280)]
    [InlineData(48, 2048, 1_343_757_312)]
    [InlineData(64, 2560, 2_702_599_680)]
    public void Published_models_have_their_number_of_parameters(int layers, int width, long parameters) =>
        Assert.Equal(parameters, new Mamba2LanguageModel().Define(new Mamba2Settings("mamba2", layers, width, 2048), 50288).ParameterCount);

    /// <summary>mamba_ssm's: A from 1 to 16, time steps from 0.001 to 0.1, the rest as PyTorch's linear layers and convolutions start.</summary>
    [Fact]
    public void Initialisation_is_mamba_ssms()
    {
        using var scope = NewDisposeScope();
        var settings = Small with { Width = 256, HeadSize = 4, Layers = 4 };
        var values = new Mamba2LanguageModel().Define(settings, 65).Parameters
            .ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value.detach(), StringComparer.Ordinal);
        var mixer = "backbone.layers.1.mixer";
        AssertSpread(values[$"{mixer}.A_log"].exp(), 1, 16);
        AssertSpread(values[$"{mixer}.dt_bias"].exp().log1p().log(), Math.Log(0.001), Math.Log(0.1));
        AssertSpread(values[$"{mixer}.conv1d.weight"], -0.5, 0.5);
        AssertSpread(values[$"{mixer}.conv1d.bias"], -0.5, 0.5);
        AssertSpread(values[$"{mixer}.in_proj.weight"], -1 / Math.Sqrt(256), 1 / Math.Sqrt(256));
        AssertSpread(values[$"{mixer}.out_proj.weight"], -1 / Math.Sqrt(512 * 4), 1 / Math.Sqrt(512 * 4));
        AssertSpread(values[$"{mixer}.D"], 1, 1);
        AssertSpread(values[$"{mixer}.norm.weight"], 1, 1);
        Assert.Equal(0.02, values["backbone.embeddings.weight"].std().item<float>(), 1e-3);
    }

    [Fact]
    public void What_sets_the_time_scales_does_not_decay() =>
        Assert.All(
            new Mamba2LanguageModel().Define(Small, 5).Parameters,
            parameter => Assert.Equal(parameter.Shape.Count > 1, parameter.Decays));

    [Fact]
    public void An_output_does_not_depend_on_later_tokens()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 5, [2, 12], ScalarType.Int64);
        var changed = ids.clone();
        changed[.., 5] = (ids[.., 5] + 1).remainder(5);
        var (before, after) = (Run(Small, ids), Run(Small, changed));
        Assert.Equal(0, (before - after)[.., ..5].abs().max().item<float>());
        Assert.NotEqual(0, (before - after)[.., 5..].abs().max().item<float>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Prefill_and_steps_with_a_cache_give_the_logits_of_the_whole(bool tied)
    {
        using var scope = NewDisposeScope();
        using var cache = new Cache();
        var settings = Small with { TieEmbeddings = tied };
        var ids = randint(0, 5, [2, 12], ScalarType.Int64);
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
        var ids = randint(0, 5, [2, 12], ScalarType.Int64);
        var (single, brain) = (Run(settings, ids), Run(settings, ids, Pass() with { Compute = ScalarType.BFloat16 }));
        Assert.Equal(ScalarType.BFloat16, brain.dtype);
        Assert.Equal(0, (single - brain.to(ScalarType.Float32)).abs().max().item<float>(), 0.05 * single.abs().max().item<float>());
        var stream = Build(settings).First().Forward(ids, Pass() with { Compute = ScalarType.BFloat16 });
        Assert.Equal(residualInFp32 ? ScalarType.Float32 : ScalarType.BFloat16, stream.dtype);
    }

    [Fact]
    public void Settings_that_do_not_fit_each_other_are_refused()
    {
        Assert.Null(Small.Problem());
        Assert.Contains("head-size", (Small with { HeadSize = 5 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("groups", (Small with { Groups = 3 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("norm-groups", (Small with { NormGroups = 3 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("time-step-limit", (Small with { TimeStepLimit = [0.1, 0.01] }).Problem(), StringComparison.Ordinal);
        Assert.Contains("time-step-limit", (Small with { TimeStepLimit = [0.1, 0.2, 0.3] }).Problem(), StringComparison.Ordinal);
        Assert.Null((Small with { TimeStepLimit = [0.1] }).Problem());
    }

    private static Pass Pass() => new(1, 1, 0, Training: true, ScalarType.Float32);

    private static Tensor Run(Mamba2Settings settings, Tensor ids, Pass? pass = null) =>
        Build(settings).Aggregate(ids, (value, layer) => layer.Forward(value, pass ?? Pass()));

    private static IEnumerable<Layer> Build(Mamba2Settings settings)
    {
        var model = new Mamba2LanguageModel().Define(settings, 5);
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
