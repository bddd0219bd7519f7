using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Stages.Jamba;
using Pipeline.Tensors.Models.HuggingFace;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Jamba;

public class JambaTests
{
    private static readonly JambaSettings Small = new(
        "jamba", Layers: 4, Width: 8, Heads: 2, Context: 12, KeyValueHeads: 1, Inner: 12, AttentionPeriod: 3, AttentionOffset: 2, Experts: 3, State: 4);

    /// <summary>The files of ai21labs/Jamba-v0.1 have 103,140,646,656 bytes of bfloat16.</summary>
    [Fact]
    public void The_published_model_has_its_number_of_parameters() => Assert.Equal(
        103_140_646_656 / 2,
        new JambaLanguageModel().Define(new JambaSettings("jamba", 32, 4096, 32, 262_144, KeyValueHeads: 8, Inner: 14336), 65536).ParameterCount);

    [Theory]
    [InlineData(false, 40 + 40 + 8)]
    [InlineData(true, 40 + 8)]
    public void The_number_of_parameters_is_the_definitions(bool tied, int ends)
    {
        // In, convolution and its bias, to rank and states, three norms, time steps and their bias, rates, skip, out.
        const int mamba = (32 * 8) + (16 * 5) + (9 * 16) + 1 + 4 + 4 + (16 * 2) + (16 * 4) + 16 + (8 * 16);
        const int attention = (8 * 8) + (2 * 4 * 8) + (8 * 8);
        const int feedForward = 3 * 8 * 12;
        const int experts = (3 * feedForward) + (3 * 8);
        var model = new JambaLanguageModel().Define(Small with { TieEmbeddings = tied }, 5);
        Assert.Equal(ends + (3 * mamba) + attention + (2 * feedForward) + (2 * experts) + (4 * 2 * 8), model.ParameterCount);
        Assert.Equal(["embedding", "model.layers.0", "model.layers.1", "model.layers.2", "model.layers.3", "head"], model.Layers.Select(layer => layer.Name));
    }

    [Fact]
    public void Periods_and_offsets_say_where_attention_and_experts_are()
    {
        var names = new JambaLanguageModel().Define(Small with { Layers = 12, AttentionPeriod = 8, AttentionOffset = 4 }, 5).Parameters.Select(p => p.Name).ToArray();
        Assert.Equal([4], Layers(".self_attn.q_proj.weight"));
        Assert.Equal([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11], Layers(".mamba.A_log"));
        Assert.Equal([1, 3, 5, 7, 9, 11], Layers(".feed_forward.router.weight"));
        Assert.Equal([1, 3, 5, 7, 9, 11], Layers(".feed_forward.experts.2.down_proj.weight"));
        Assert.Equal([0, 2, 4, 6, 8, 10], Layers(".feed_forward.down_proj.weight"));

        IEnumerable<int> Layers(string end) => Enumerable.Range(0, 12).Where(layer => names.Contains($"model.layers.{layer}{end}"));
    }

    [Fact]
    public void One_expert_is_a_plain_feed_forward() => Assert.DoesNotContain(
        new JambaLanguageModel().Define(Small with { Experts = 1 }, 5).Parameters, parameter => parameter.Name.Contains("router", StringComparison.Ordinal));

    /// <summary>In training alone, in proportion to its coefficient, and without a change to what the model computes.</summary>
    [Fact]
    public void The_balance_loss_reaches_every_router()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);   // a router whose experts happen to be balanced gets no gradient
        var ids = randint(0, 5, [2, 12], ScalarType.Int64, generator: generator);
        var training = ModelRun.Evaluation with { Training = true };
        var (none, once, twice) = (Run(0), Run(0.5), Run(1));
        Assert.Equal(0, ModelRun.Distance(none.Logits, once.Logits));
        Assert.All([1, 3], layer =>
        {
            var name = $"model.layers.{layer}.feed_forward.router.weight";
            var (first, second) = (once.Gradients[name] - none.Gradients[name], twice.Gradients[name] - none.Gradients[name]);
            Assert.True(first.abs().max().item<float>() > 1e-4);
            Assert.InRange(ModelRun.Distance(first * 2, second), 0, 1e-4 * second.abs().max().item<float>());
        });
        Assert.Equal(0, ModelRun.Distance(none.Gradients["model.layers.3.feed_forward.experts.0.up_proj.weight"], twice.Gradients["model.layers.3.feed_forward.experts.0.up_proj.weight"]));

        (Tensor Logits, Dictionary<string, Tensor> Gradients) Run(double coefficient)
        {
            var model = new ModelRun(new JambaLanguageModel(), Small with { BalanceCoefficient = coefficient }, 5);
            var logits = model.Forward(ids, training);
            logits.square().mean().backward();
            return (logits, model.Parameters.ToDictionary(p => p.Key, p => p.Value.grad!, StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Settings_survive_Hugging_Faces_config_and_shapes_win_over_it()
    {
        var settings = Small with
        {
            HeadSize = 6,
            Expand = 3,
            Convolution = 5,
            TimeStepRank = 7,
            Bias = true,
            ConvBias = false,
            ExpertsPerToken = 1,
            BalanceCoefficient = 0.25,
            TieEmbeddings = true,
            Vocabulary = 11,
        };
        var model = new JambaLanguageModel();
        var shapes = model.Define(settings, 11).Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Shape, StringComparer.Ordinal);
        var config = model.HuggingFace.Write(settings, 11);
        Assert.Equal((true, 0.5), ((bool)config["output_router_logits"]!, (double)config["router_aux_loss_coef"]!));   // two layers have experts
        Assert.Equal(settings, Read());
        foreach (var key in (string[])["num_hidden_layers", "hidden_size", "intermediate_size", "num_key_value_heads", "head_dim", "num_experts", "mamba_d_state",
            "mamba_expand", "mamba_d_conv", "mamba_dt_rank", "vocab_size"])
        {
            config[key] = 99;
        }

        config["mamba_proj_bias"] = false;
        config["mamba_conv_bias"] = true;
        Assert.Equal(settings, Read());
        config["hidden_act"] = "swish";
        Assert.Equal(settings, Read());
        config["router_aux_loss_coef"] = 0.25;
        Assert.Equal(settings with { BalanceCoefficient = 0.125 }, Read());
        config["output_router_logits"] = false;
        Assert.Equal(settings with { BalanceCoefficient = 0 }, Read());
        Refused("hidden_act", "gelu", "hidden_act must be silu, not \"gelu\"");
        Refused("sliding_window", 4, "sliding_window must be null, not 4");
        Refused("num_attention_heads", 5, "num_attention_heads must be a divisor of 12, the width of the queries, not 5");
        Refused("num_attention_heads", 0, "num_attention_heads must be");

        JambaSettings Read() => (JambaSettings)model.HuggingFace.Read(new HuggingFaceConfig("config.json", JsonNode.Parse(config.ToJsonString())!.AsObject()), shapes);

        void Refused(string key, JsonNode value, string sentence)
        {
            var before = config[key]?.DeepClone();
            config[key] = value;
            Assert.Contains(sentence, Assert.Throws<BadInputException>(Read).Message, StringComparison.Ordinal);
            config[key] = before;
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(5, 4)]
    [InlineData(8, 7)]
    public void Layers_with_experts_are_counted_as_they_are_found(int period, int offset) => Assert.All(Enumerable.Range(1, 20), layers =>
    {
        var settings = Small with { Layers = layers, ExpertPeriod = period, ExpertOffset = offset };
        Assert.Equal(Enumerable.Range(0, layers).Count(settings.HasExperts), settings.ExpertLayers);
        Assert.Equal(0, (settings with { Experts = 1 }).ExpertLayers);
    });

    /// <summary>Each expert of each layer is three tensors; more than a file has are not made.</summary>
    [Theory]
    [InlineData(100_000)]
    [InlineData(int.MaxValue)]
    public void More_experts_than_tensors_are_refused(int experts)
    {
        var format = new JambaLanguageModel().HuggingFace;
        var config = format.Write(Small with { Layers = 1000, ExpertPeriod = 1, ExpertOffset = 0, Experts = experts }, 5);
        var shapes = Enumerable.Range(0, 1000).ToDictionary(layer => $"model.layers.{layer}.x", _ => (IReadOnlyList<long>)[1L], StringComparer.Ordinal);
        Assert.Equal(
            $"config.json: num_experts must be at most 0: there are 1000 tensors for 1000 layers with experts, not {experts}.",
            Assert.Throws<BadInputException>(() => format.Read(new("config.json", config), shapes)).Message);
    }

    [Fact]
    public void Settings_that_do_not_fit_each_other_are_refused()
    {
        Assert.Null(Small.Problem());
        Assert.Null((Small with { Experts = 1 }).Problem());
        Assert.Null((Small with { Heads = 3, KeyValueHeads = 1, HeadSize = 5 }).Problem());   // nothing turns pairs
        Assert.Equal("model.attention-offset is 3; it must be less than model.attention-period, which is 3", (Small with { AttentionOffset = 3 }).Problem());
        Assert.Equal("model.expert-offset is 2; it must be less than model.expert-period, which is 2", (Small with { ExpertOffset = 2 }).Problem());
        Assert.Equal("model.experts-per-token is 4; it must be at most model.experts, which is 3", (Small with { ExpertsPerToken = 4 }).Problem());
        Assert.Contains("model.heads is 3", (Small with { Heads = 3 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("model.key-value-heads is 3", (Small with { KeyValueHeads = 3 }).Problem(), StringComparison.Ordinal);
    }
}
