using Pipeline.Stages.Hybrid;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Hybrid;

public class HybridTests
{
    private static readonly HybridSettings Small = Of("M-*-M-E");

    [Theory]
    [InlineData("M", (42 * 8) + (24 * 5) + (3 * 2) + 16 + (8 * 16))]   // in, convolution, a number for each head, norm, out
    [InlineData("m", (32 * 8) + (16 * 5) + (9 * 16) + (16 * 2) + (16 * 4) + 16 + (8 * 16))]
    [InlineData("*", (8 * 8) + (2 * 4 * 8) + (8 * 8))]
    [InlineData("R", (8 * 8) + (2 * 4 * 8) + (8 * 8))]
    [InlineData("-", 3 * 8 * 12)]
    [InlineData("E", (3 * 3 * 8 * 12) + (3 * 8))]
    [InlineData("K", (2 * 38) + (2 * 8 * 32) + 32 + 8)]
    public void A_letters_layer_has_the_parameters_of_its_definition(string letter, int parameters)
    {
        Assert.Equal((5 * 8) + 8 + 8 + parameters, new HybridLanguageModel().Define(Of(letter), 5).ParameterCount);
        Assert.Equal((2 * 5 * 8) + 8 + (3 * (8 + parameters)), new HybridLanguageModel().Define(Of($"{letter}{letter}|{letter}") with { TieEmbeddings = false }, 5).ParameterCount);
    }

    [Fact]
    public void Each_letter_is_a_layer_and_a_border_is_none()
    {
        var settings = Of("Mm|*|-E");
        Assert.Equal((5, "2 1 2"), (settings.Layers, string.Join(' ', settings.Pieces!)));
        Assert.Null(Small.Pieces);
        var names = new HybridLanguageModel().Define(settings, 5).Layers.Select(layer => layer.Parameters.Select(parameter => parameter.Name).ToArray()).ToArray();
        Assert.Equal(7, names.Length);
        Assert.Contains("backbone.layers.0.mixer.dt_bias", names[1]);
        Assert.Contains("backbone.layers.1.mixer.dt_proj.weight", names[2]);
        Assert.Contains("backbone.layers.2.mixer.q_proj.weight", names[3]);
        Assert.Contains("backbone.layers.3.mixer.gate_proj.weight", names[4]);
        Assert.Contains("backbone.layers.4.mixer.router.weight", names[5]);
        Assert.All(names[1..6], (layer, index) => Assert.Contains($"backbone.layers.{index}.norm.weight", layer));
    }

    /// <summary>A spline has 5 + 3 coefficients, and an edge two numbers more; a Gaussian edge 8 + 1 numbers, a norm before each layer and biases.</summary>
    [Theory]
    [InlineData("spline", null, 2 * 8 * 3 * 10)]
    [InlineData("spline", 6, 2 * 8 * 6 * 10)]
    [InlineData("gaussian", null, (2 * 8 * 3 * 9) + (2 * (8 + 3)) + 8 + 3)]
    public void A_Kolmogorov_Arnold_layer_has_the_parameters_of_its_kind(string kind, int? inner, int parameters) => Assert.Equal(
        (5 * 8) + 8 + 8 + parameters, new HybridLanguageModel().Define(Of("K") with { Kan = kind, KanInner = inner }, 5).ParameterCount);

    [Fact]
    public void Splines_of_a_pattern_adapt_to_what_reaches_them_and_have_edge_functions()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var settings = Of("*K") with { Kan = "spline", GridUpdateEvery = 10 };
        Assert.Equal(new Adaptation(10, 50, 6), new HybridLanguageModel().Define(settings, 5).Adaptation);
        Assert.Null(new HybridLanguageModel().Define(settings with { GridUpdateEvery = 0 }, 5).Adaptation);
        Assert.Null(new HybridLanguageModel().Define(Of("*-") with { Kan = "spline", GridUpdateEvery = 10 }, 5).Adaptation);
        var model = new HybridLanguageModel().Define(settings, 5);
        var values = model.Parameters.ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value.detach(), StringComparer.Ordinal);
        var layer = model.Layers[2].Build(values);
        Assert.Equal(["backbone.layers.1.mixer.0", "backbone.layers.1.mixer.1"], layer.EdgeFunctions.Select(part => part.Name));
        using var generator = new Generator(3);
        var input = randn([2, 60, 8], generator: generator);
        var grid = values["backbone.layers.1.mixer.1.grid"].clone();
        var before = layer.Forward(input, new Pass(1, 1, 0, Training: true, ScalarType.Float32));
        Assert.Equal(
            ["backbone.layers.1.mixer.0.spline_weight", "backbone.layers.1.mixer.1.spline_weight"],
            layer.Adapt(input, new Pass(1, 1, 0, Training: true, ScalarType.Float32)));
        Assert.True((grid - values["backbone.layers.1.mixer.1.grid"]).abs().max().item<float>() > 0.1f);
        // Splines of small noise: what the new knots cannot say of them is small.
        Assert.Equal(0, (before - layer.Forward(input, new Pass(1, 1, 0, Training: true, ScalarType.Float32))).abs().max().item<float>(), 0.01);
    }

    [Theory]
    [InlineData("M-x", "model.pattern has \"x\" as character 3; allowed are M (Mamba-2), m (Mamba-1), * (attention), R (attention over merged tokens), - (feed-forward), E (experts), K (Kolmogorov-Arnold feed-forward) and | (a border between stages)")]
    [InlineData("M -", "model.pattern has \" \" as character 2; allowed are")]
    [InlineData("k|M", "model.pattern has \"k\" as character 1; allowed are")]
    [InlineData("|M-", "model.pattern has a border | as character 1 without a layer on each side; allowed are borders between two layers")]
    [InlineData("M-|", "model.pattern has a border | as character 3 without a layer on each side")]
    [InlineData("M||-", "model.pattern has a border | as character 3 without a layer on each side")]
    [InlineData("", "model.pattern has 0 layers; allowed are 1 to 100000")]
    public void A_wrong_pattern_is_refused_with_its_place(string pattern, string sentence) =>
        Assert.StartsWith(sentence, Of(pattern).Problem(), StringComparison.Ordinal);

    [Fact]
    public void Settings_that_do_not_fit_each_other_are_refused_where_the_pattern_has_their_layers()
    {
        Assert.Null(Small.Problem());
        Refused(Small with { MambaHeadSize = 5 }, "model.mamba-head-size is 5, which does not divide model.expand times model.width, 16");
        Refused(Small with { Groups = 3 }, "model.groups is 3, which does not divide the 2 Mamba-2 heads");
        Refused(Small with { Experts = null }, "model.experts is missing, and model.pattern has E");
        Refused(Small with { ExpertsPerToken = 4 }, "model.experts-per-token is 4; it must be at most model.experts, which is 3");
        Refused(Small with { Heads = null }, "model.heads is missing, and model.pattern has *");
        Refused(Of("R") with { Causal = false, Heads = null }, "model.heads is missing, and model.pattern has R");
        Refused(Of("R") with { Causal = false, HeadSize = 3 }, "model.head-size is 3, and rotary positions turn pairs");
        Refused(Of("*-R"), "model.causal is true, and model.pattern has R, which merges tokens of the whole sequence; it must be false with R");
        Refused(Small with { Causal = false }, "model.causal is false, and model.pattern has M, which sees what comes before a token alone; it must be true with M or m");
        Refused(Of("*-m") with { Causal = false }, "model.causal is false, and model.pattern has m");
        Assert.Null((Of("*-R|E") with { Causal = false }).Problem());
        Refused(Small with { Heads = 3 }, "model.heads is 3, which does not divide model.width 8");
        Refused(Small with { HeadSize = 3 }, "model.head-size is 3, and rotary positions turn pairs");
        Assert.Null((Small with { HeadSize = 3, Positions = "none" }).Problem());
        Assert.Null((Of("m-") with { MambaHeadSize = 5, Groups = 3, Experts = null, ExpertsPerToken = 4, Heads = 3 }).Problem());

        static void Refused(HybridSettings settings, string sentence) => Assert.StartsWith(sentence, settings.Problem(), StringComparison.Ordinal);
    }

    [Fact]
    public void Projections_back_to_the_stream_start_smaller_by_the_root_of_the_number_of_layers()
    {
        using var scope = NewDisposeScope();
        var values = new HybridLanguageModel().Define(Of("*-*-") with { Width = 64, Inner = 128, Heads = 4, KeyValueHeads = 4, HeadSize = null }, 50).Parameters
            .ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value.detach(), StringComparer.Ordinal);
        Assert.Equal(0.02, values["backbone.layers.2.mixer.q_proj.weight"].std().item<float>(), 1e-3);
        Assert.Equal(0.01, values["backbone.layers.2.mixer.o_proj.weight"].std().item<float>(), 5e-4);
        Assert.Equal(0.02, values["backbone.layers.1.mixer.up_proj.weight"].std().item<float>(), 1e-3);
        Assert.Equal(0.01, values["backbone.layers.1.mixer.down_proj.weight"].std().item<float>(), 5e-4);
    }

    /// <summary>Attention without positions sees a set: with two tokens of the past exchanged, the last one sees the same.</summary>
    [Fact]
    public void Positions_are_rotary_unless_there_are_none()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (one, other) = (tensor([1L, 2, 3, 4], [1L, 4]), tensor([2L, 1, 3, 4], [1L, 4]));
        Assert.InRange(Change(Of("*") with { Positions = "none" }), 0, 1e-5);
        Assert.True(Change(Of("*")) > 1e-3);

        float Change(HybridSettings settings)
        {
            var model = new ModelRun(new HybridLanguageModel(), settings, 5, gain: 20);
            return ModelRun.Distance(model.Forward(one)[0, 3], model.Forward(other)[0, 3]);
        }
    }

    [Fact]
    public void The_balance_loss_reaches_the_router_in_training()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 5, [2, 12], ScalarType.Int64);
        Assert.True(ModelRun.Distance(Gradient(0, true), Gradient(1, true)) > 1e-4);
        Assert.Equal(0, ModelRun.Distance(Gradient(0, true), Gradient(1, false)));

        Tensor Gradient(double coefficient, bool training)
        {
            var model = new ModelRun(new HybridLanguageModel(), Small with { BalanceCoefficient = coefficient }, 5);
            model.Forward(ids, ModelRun.Evaluation with { Training = training }).square().mean().backward();
            return model.Parameters["backbone.layers.6.mixer.router.weight"].grad!;
        }
    }

    [Theory]
    [InlineData("*-")]
    [InlineData("R-")]
    public void A_model_that_is_not_causal_sees_what_follows(string pattern)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (one, other) = (tensor([1L, 2, 3, 4, 0, 1], [1L, 6]), tensor([1L, 2, 3, 4, 0, 2], [1L, 6]));
        var settings = Of(pattern) with { Causal = false };
        Assert.False(new HybridLanguageModel().Define(settings, 5).IsCausal);
        Assert.True(Change(settings) > 1e-3);
        Assert.True(new HybridLanguageModel().Define(Of("*-"), 5).IsCausal);
        Assert.Equal(0, Change(Of("*-")));

        float Change(HybridSettings settings)
        {
            var model = new ModelRun(new HybridLanguageModel(), settings, 5);
            return ModelRun.Distance(model.Forward(one)[0, 0], model.Forward(other)[0, 0]);
        }
    }

    [Fact]
    public void What_is_not_causal_still_keeps_documents_apart()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = new ModelRun(new HybridLanguageModel(), Of("*-*-") with { Causal = false }, 5);
        var (ids, starts) = (tensor([1L, 2, 3, 4, 0, 1, 3, 3], [2L, 4]), tensor([false, false, true, false, true, true, false, false], [2L, 4]));
        var whole = model.Forward(ids, ModelRun.Evaluation with { DocumentStarts = starts });
        Alone(0, 0, 2);
        Alone(0, 2, 2);
        Alone(1, 0, 1);
        Alone(1, 1, 3);

        void Alone(long sequence, long first, long length) => Assert.InRange(
            ModelRun.Distance(model.Forward(ids.narrow(0, sequence, 1).narrow(1, first, length)), whole.narrow(0, sequence, 1).narrow(1, first, length)), 0, 1e-5);
    }

    private static HybridSettings Of(string pattern) => new(
        "hybrid", pattern, Width: 8, Context: 12, Heads: 2, KeyValueHeads: 1, Inner: 12, State: 4, MambaHeadSize: 8, Experts: 3);
}
