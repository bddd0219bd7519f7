using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Tests.Transformer;

public class MixtureOfExpertsTests
{
    private static readonly MixtureOfExpertsSettings Settings = new(Width: 6, Inner: 10, Experts: 4, ExpertsPerToken: 2);
    private static readonly Pass Training = new(1, 1, 0, true, ScalarType.Float32) { LossShare = 0.25 };
    private readonly Tensor gradient = randn(2, 5, 6);
    private readonly Tensor values = randn(2, 5, 6);

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 0.7)]
    [InlineData(3, 0)]
    [InlineData(4, 0.7)]
    public void A_mixture_is_its_formula_token_by_token(int chosen, double coefficient)
    {
        using var scope = NewDisposeScope();
        var settings = Settings with { ExpertsPerToken = chosen, BalanceCoefficient = coefficient };
        var (expected, actual) = (Parameters(settings), Parameters(settings));
        var (plain, mixed) = (Leaf(values), Leaf(values));
        var (output, balance) = TokenByToken(settings, plain, expected);
        ((output * gradient).sum() + (balance * coefficient * Training.LossShare)).backward();

        var mixture = Mixture(settings, actual).Forward(mixed, Training);
        autograd.backward(mixture, gradient);
        Assert.InRange(ModelRun.Distance(output, mixture), 0, 1e-5);
        Assert.InRange(ModelRun.Distance(plain.grad!, mixed.grad!), 0, 1e-5);
        Assert.All(expected, parameter => Assert.InRange(ModelRun.Distance(parameter.Value.grad ?? zeros_like(parameter.Value), actual[parameter.Key].grad!), 0, 1e-5));
    }

    /// <summary>So that the norm of all gradients, and the optimizer, have no gap.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_expert_without_tokens_has_a_gradient_of_zeros(bool putOff)
    {
        using var scope = NewDisposeScope();
        var parameters = Parameters(Settings);
        Assign(parameters["moe.router.weight"], zeros(4, 6));   // all experts are equal: the first two are chosen
        using var weights = new ConstantWeights();
        using var later = new WeightGradients(weights);
        autograd.backward(Mixture(Settings, parameters).Forward(Leaf(values), Training with { WeightGradients = putOff ? later : null }), gradient);
        later.Compute();
        Assert.All(parameters, parameter =>
        {
            var size = parameter.Value.grad!.abs().max().item<float>();
            Assert.True(parameter.Key.Contains("experts.2", StringComparison.Ordinal) || parameter.Key.Contains("experts.3", StringComparison.Ordinal) ? size == 0 : size > 0, parameter.Key);
        });
    }

    [Fact]
    public void Of_equally_likely_experts_the_first_is_taken()
    {
        using var scope = NewDisposeScope();
        var parameters = Parameters(Settings);
        Assign(parameters["moe.router.weight"], cat([zeros(1, 6), ones(3, 6)]));
        var input = ones(1, 1, 6);
        var all = Mixture(Settings, parameters).Forward(input, ModelRun.Evaluation);
        var probability = 1 / (3 + Math.Exp(-6));
        var expected = new[] { 1, 2 }.Select(expert => Expert(parameters, expert, input)).Aggregate((one, other) => one + other) * probability;
        Assert.InRange(ModelRun.Distance(expected, all), 0, 1e-5);
    }

    /// <summary>The loss is added in training alone, and no number of the forward changes with it.</summary>
    [Fact]
    public void Balancing_changes_gradients_alone()
    {
        using var scope = NewDisposeScope();
        var settings = Settings with { BalanceCoefficient = 10 };
        var parameters = Parameters(settings);
        var plain = Mixture(Settings, parameters).Forward(values, Training);
        Assert.Equal(0, ModelRun.Distance(plain, Mixture(settings, parameters).Forward(values, Training)));
        using (no_grad())
        {
            Assert.Equal(0, ModelRun.Distance(plain, Mixture(settings, parameters).Forward(values, Training)));
        }

        var (without, with) = (RouterGradient(ModelRun.Evaluation), RouterGradient(Training));
        Assert.Equal(0, ModelRun.Distance(without, RouterGradient(ModelRun.Evaluation)));
        Assert.NotEqual(0, ModelRun.Distance(without, with));

        Tensor RouterGradient(Pass pass)
        {
            var copies = Copies(parameters);
            autograd.backward(Mixture(settings, copies).Forward(values, pass), gradient);
            return copies["moe.router.weight"].grad!;
        }
    }

    [Fact]
    public void Its_parameters_are_Jambas()
    {
        var parameters = MixtureOfExperts.Parameters(Settings, "feed_forward", Initialization.Normal(1), Initialization.Normal(2)).ToArray();
        Assert.Equal(1 + (4 * 3), parameters.Length);
        Assert.Equal([4, 6], parameters.Single(parameter => parameter.Name == "feed_forward.router.weight").Shape);
        Assert.Equal([6, 10], parameters.Single(parameter => parameter.Name == "feed_forward.experts.3.down_proj.weight").Shape);
    }

    /// <summary>The definition, and the balance loss as Hugging Face computes it: from one-hot choices.</summary>
    private static (Tensor Output, Tensor Balance) TokenByToken(
        MixtureOfExpertsSettings settings, Tensor input, IReadOnlyDictionary<string, Tensor> parameters)
    {
        var tokens = input.view(-1, settings.Width).unbind(0);
        var probabilities = tokens.Select(token => parameters["moe.router.weight"].mv(token).softmax(0)).ToArray();
        var outputs = new List<Tensor>();
        var choices = new float[settings.Experts];
        foreach (var (token, likely) in tokens.Zip(probabilities))
        {
            var numbers = likely.data<float>().ToArray();
            var chosen = Enumerable.Range(0, settings.Experts).OrderByDescending(expert => numbers[expert]).Take(settings.ExpertsPerToken).ToArray();
            outputs.Add(chosen.Select(expert => Expert(parameters, expert, token) * likely[expert]).Aggregate((one, other) => one + other));
            Array.ForEach(chosen, expert => choices[expert]++);
        }

        var mean = stack(probabilities).mean([0]);
        return (stack(outputs).view(input.shape), settings.Experts * (tensor(choices) / tokens.Length * mean).sum());
    }

    private static Tensor Expert(IReadOnlyDictionary<string, Tensor> parameters, int expert, Tensor token)
    {
        var (gate, up, down) = (Weight("gate"), Weight("up"), Weight("down"));
        return functional.linear(functional.silu(functional.linear(token, gate)) * functional.linear(token, up), down);

        Tensor Weight(string part) => parameters[$"moe.experts.{expert}.{part}_proj.weight"];
    }

    private static MixtureOfExperts Mixture(MixtureOfExpertsSettings settings, IReadOnlyDictionary<string, Tensor> parameters) => new(settings, "moe", parameters);

    /// <summary>The same at each call.</summary>
    private static Dictionary<string, Tensor> Parameters(MixtureOfExpertsSettings settings) =>
        MixtureOfExperts.Parameters(settings, "moe", Initialization.Normal(0.5), Initialization.Normal(0.5))
            .ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);

    private static Dictionary<string, Tensor> Copies(Dictionary<string, Tensor> parameters) =>
        parameters.ToDictionary(p => p.Key, p => Leaf(p.Value), StringComparer.Ordinal);

    private static void Assign(Tensor parameter, Tensor value)
    {
        using var noGradient = no_grad();
        parameter.copy_(value);
    }

    private static Tensor Leaf(Tensor value) => value.detach().clone().requires_grad_(true);
}
