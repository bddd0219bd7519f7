using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Transformer;

/// <summary>Balance without a loss beside the model's.</summary>
public class ExpertBiasTests
{
    private const string Bias = "moe.router.expert_bias";
    private const double Rate = 0.003;
    private static readonly MixtureOfExpertsSettings Off = new(Width: 6, Inner: 4, Experts: 8, ExpertsPerToken: 2);
    private static readonly MixtureOfExpertsSettings On = Off with { BalanceRate = Rate };
    private static readonly Pass Training = new(1, 1, 0, true, ScalarType.Float32) { LossShare = 0.25 };

    [Fact]
    public void The_bias_is_there_with_a_rate_alone_and_goes_by_sign()
    {
        Assert.DoesNotContain(Definitions(Off), parameter => parameter.Name == Bias);
        var bias = Definitions(On).Single(parameter => parameter.Name == Bias);
        Assert.Equal(ParameterUpdate.SignDescent(Rate), bias.Update);
        Assert.Equal([8], bias.Shape);
    }

    [Fact]
    public void The_load_becomes_even_where_a_router_prefers_some()
    {
        using var scope = NewDisposeScope();
        var parameters = Parameters(On);
        using var noise = new Generator(1);
        var loads = new List<double>();
        for (var step = 0; step < 200; step++)
        {
            using var inner = NewDisposeScope();
            var input = (randn([4, 64, 6], generator: noise) + 1).requires_grad_(true);   // tokens have much in common, which some experts like
            autograd.backward(Mixture(On, parameters).Forward(input, Training), ones(4, 64, 6));
            var excess = parameters[Bias].grad!.data<float>().ToArray();
            var mean = 4 * 64 * 2 / 8.0;
            loads.Add(1 + (excess.Max() / 8 / mean));
            using (no_grad())
            {
                parameters[Bias].sub_(parameters[Bias].grad!.sign() * Rate);   // what SignDescent says
                parameters[Bias].grad!.zero_();
            }
        }

        Assert.True(loads[0] > 1.6, $"The most tokens of an expert are {loads[0]} times the mean at first.");
        Assert.InRange(loads.TakeLast(20).Average(), 1, 1.35);
    }

    [Fact]
    public void The_gradient_of_the_bias_is_the_excess_of_tokens_and_the_others_are_as_without()
    {
        using var scope = NewDisposeScope();
        var input = randn(2, 5, 6);
        var (without, with) = (Backward(Off), Backward(On));
        Assert.All(without, parameter => Assert.Equal(parameter.Value.grad!, with[parameter.Key].grad!));
        var probabilities = input.view(-1, 6).matmul(with["moe.router.weight"].t()).softmax(-1);
        var counts = probabilities.topk(2).indexes.flatten().bincount(null, 8);
        Assert.Equal(counts.to(float32) * 8 - 20, with[Bias].grad!);
        Assert.Equal(0, with[Bias].grad!.sum().item<float>());

        Assert.Null(Backward(On, ModelRun.Evaluation)[Bias].grad);

        Dictionary<string, Tensor> Backward(MixtureOfExpertsSettings settings, Pass? pass = null)
        {
            var parameters = Parameters(settings);
            autograd.backward(Mixture(settings, parameters).Forward(input.detach().requires_grad_(true), pass ?? Training), full_like(input, 0.3));
            return parameters;
        }
    }

    /// <summary>Whatever the sizes of the micro-batches: the excess is a whole number, so that it adds up to exactly 0.</summary>
    [Fact]
    public void An_even_load_over_several_passes_leaves_the_bias_alone()
    {
        using var scope = NewDisposeScope();
        var settings = On with { Experts = 3, ExpertsPerToken = 1, Width = 3 };
        var parameters = Parameters(settings);
        using (no_grad())
        {
            parameters["moe.router.weight"].copy_(eye(3));
        }

        foreach (var experts in new long[][] { [0, 1], [1, 2, 0, 0], [2], [2, 1] })
        {
            var input = nn.functional.one_hot(tensor(experts), 3).to(float32).unsqueeze(0).requires_grad_(true);
            autograd.backward(Mixture(settings, parameters).Forward(input, Training), ones_like(input));
        }

        Assert.Equal([0, 0, 0], parameters[Bias].grad!.data<float>().ToArray());
    }

    [Fact]
    public void The_bias_chooses_and_does_not_weigh()
    {
        using var scope = NewDisposeScope();
        var (settings, input) = (On with { ExpertsPerToken = 1 }, randn(1, 5, 6));
        var parameters = Parameters(settings);
        using var noGradient = no_grad();
        parameters[Bias][3] = 2;   // more than any probability
        var probability = input.matmul(parameters["moe.router.weight"].t()).softmax(-1).narrow(-1, 3, 1);
        var expected = new SwiGlu("moe.experts.3", parameters).Forward(input, ModelRun.Evaluation) * probability;
        Assert.InRange(ModelRun.Distance(expected, Mixture(settings, parameters).Forward(input, ModelRun.Evaluation)), 0, 1e-6);
    }

    private static MixtureOfExperts Mixture(MixtureOfExpertsSettings settings, IReadOnlyDictionary<string, Tensor> parameters) => new(settings, "moe", parameters);

    private static IEnumerable<ParameterDefinition> Definitions(MixtureOfExpertsSettings settings) =>
        MixtureOfExperts.Parameters(settings, "moe", Initialization.Normal(0.5), Initialization.Normal(0.5));

    /// <summary>The same at each call.</summary>
    private static Dictionary<string, Tensor> Parameters(MixtureOfExpertsSettings settings) =>
        Definitions(settings).ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
}
