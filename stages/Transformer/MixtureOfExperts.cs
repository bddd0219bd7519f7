using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Transformer;

/// <param name="Inner">Of each expert.</param>
/// <param name="ExpertsPerToken">At most <paramref name="Experts"/>.</param>
/// <param name="BalanceCoefficient">What the load-balancing loss counts beside the model's; 0 leaves it out.</param>
/// <param name="BalanceRate">How much an expert's bias in the choice changes after each step; 0: there is no bias.</param>
public sealed record MixtureOfExpertsSettings(
    int Width, int Inner, int Experts, int ExpertsPerToken, double BalanceCoefficient = 0, double BalanceRate = 0);

/// <summary>A mixture of experts as in Jamba (arXiv:2403.19887), a part of a block, (sequences, length, width) in and out: the softmax of a router,
/// in float32, picks the k likeliest <see cref="SwiGlu"/> experts of each token, whose outputs are added, weighted by their probabilities as
/// they are. Every token reaches its experts; none is dropped. With a balance rate each expert has a bias that is added to its probability for
/// the choice alone, and that goes down after a step in which it had more tokens than the mean, and up after one with fewer: balance without a loss
/// beside the model's (Wang et al. 2024, arXiv:2408.15664).</summary>
public sealed class MixtureOfExperts(MixtureOfExpertsSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters)
    : IBlockPart
{
    private readonly Projection router = new($"{name}.router", parameters);
    private readonly Tensor? bias = parameters.GetValueOrDefault(Bias(name));
    private readonly SwiGlu[] experts = [.. Enumerable.Range(0, settings.Experts).Select(expert => new SwiGlu($"{name}.experts.{expert}", parameters))];

    /// <param name="initialization">Of the router, and of the experts' gate and up.</param>
    /// <param name="residual">Of the experts' projections back.</param>
    public static IEnumerable<ParameterDefinition> Parameters(
        MixtureOfExpertsSettings settings, string name, Initialization initialization, Initialization residual) =>
    [
        .. Projection.Parameters($"{name}.router", settings.Experts, settings.Width, bias: false, initialization),
        .. settings.BalanceRate > 0
            ? [new ParameterDefinition(
                Bias(name), [settings.Experts], Initialization.Constant(0), Update: ParameterUpdate.SignDescent(settings.BalanceRate))]
            : Enumerable.Empty<ParameterDefinition>(),
        .. Enumerable.Range(0, settings.Experts).SelectMany(
            expert => SwiGlu.Parameters($"{name}.experts.{expert}", settings.Width, settings.Inner, bias: false, initialization, residual)),
    ];

    /// <summary>Kept are the router's probabilities, the tokens as the experts take them, and what the experts return.</summary>
    public static LayerCost Cost(MixtureOfExpertsSettings settings, int context)
    {
        var assignments = (double)context * settings.ExpertsPerToken;
        return SwiGlu.Cost(settings.Width, settings.Inner, assignments)
            + new LayerCost(2.0 * context * settings.Width * settings.Experts, (2 * assignments * settings.Width) + ((double)context * settings.Experts));
    }

    public Tensor Forward(Tensor input, Pass pass)
    {
        var tokens = input.reshape(-1, settings.Width);
        var probabilities = router.Forward(tokens, pass).softmax(-1, ScalarType.Float32);
        var scores = bias is null ? probabilities.detach() : Arithmetic.Add(probabilities.detach(), bias.detach());
        // A stable sort gives equal scores to the lower expert first, as no top-k operator promises.
        var chosen = sort(scores, -1, descending: true, stable: true).indices.narrow(1, 0, settings.ExpertsPerToken).contiguous();
        var counts = chosen.flatten().bincount(null, settings.Experts);
        var weights = probabilities.gather(1, chosen);
        if (pass.Training && is_grad_enabled())
        {
            weights = settings.BalanceCoefficient > 0
                ? LocalLoss.Attach(weights, BalanceLoss(probabilities, counts), settings.BalanceCoefficient * pass.LossShare)
                : weights;
            weights = bias is null ? weights : LocalLoss.Attach(weights, (bias * Excess(counts).to(bias.dtype)).sum(), 1);
        }

        return (Mix(tokens, chosen, counts, pass) * weights.to(input.dtype).unsqueeze(-1)).sum(1).view(input.shape);
    }

    /// <summary>experts * sum over them of (choices of it / tokens) * (mean probability of it), as in Hugging Face's load_balancing_loss_func
    /// (Fedus et al. 2021, arXiv:2101.03961), of this layer alone: k when the load is even.</summary>
    /// <param name="probabilities">(tokens, experts).</param>
    /// <param name="counts">int64 (experts): choices of each.</param>
    /// <returns>A scalar.</returns>
    private Tensor BalanceLoss(Tensor probabilities, Tensor counts)
    {
        var share = Arithmetic.Scale(counts.to(ScalarType.Float32), 1.0 / probabilities.shape[0]);
        return Arithmetic.Scale((share * probabilities.mean([0])).sum(), settings.Experts);
    }

    /// <summary>The gradient of the bias, whose sign decides: tokens of each expert less the mean, times the number of experts, so that they are
    /// whole numbers, which add up over micro-batches and replicas to exactly 0 where the load is even.</summary>
    private Tensor Excess(Tensor counts) => Arithmetic.Subtract(Arithmetic.Scale(counts.to(ScalarType.Float32), settings.Experts), counts.sum());

    private static string Bias(string name) => $"{name}.router.expert_bias";

    /// <summary>Each token's experts' outputs. The tokens are put in the order of their experts, each expert takes its own, none included, so that
    /// all its weights have gradients, and the outputs are put back.</summary>
    /// <param name="tokens">(tokens, width).</param>
    /// <param name="chosen">int64 (tokens, k).</param>
    /// <param name="counts">int64 (experts): choices of each.</param>
    /// <returns>(tokens, k, width).</returns>
    private Tensor Mix(Tensor tokens, Tensor chosen, Tensor counts, Pass pass)
    {
        var order = sort(chosen.flatten(), stable: true).indices;
        var rows = Arithmetic.Range(tokens.shape[0], ScalarType.Int64, tokens.device).unsqueeze(1).expand_as(chosen).flatten().index_select(0, order);
        // Looking rows up in a table has a fast backward that adds in a fixed order on every device; index_add has not.
        var parts = Operator.Embedding(tokens, rows).split(counts.cpu().data<long>().ToArray());
        var outputs = cat([.. experts.Zip(parts, (expert, part) => expert.Forward(part, pass))]);
        return Operator.Embedding(outputs, order.argsort()).view(-1, settings.ExpertsPerToken, settings.Width);
    }
}
