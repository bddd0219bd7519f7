using Pipeline.Stages.TokenReduction;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Tests.TokenReduction;

public class ReducedAttentionTests
{
    private static readonly SelfAttentionSettings Plain = new(Width: 8, Heads: 4, KeyValueHeads: 2, HeadSize: 6, Causal: false);
    private static readonly SelfAttentionSettings Rotary = Plain with { Positions = new() };

    [Fact]
    public void Without_reduction_it_is_attention_to_the_whole_sequence()
    {
        using var scope = NewDisposeScope();
        var (parameters, input) = (Parameters(), randn(2, 7, 8));
        var whole = new SelfAttention(Rotary, "a", parameters).Forward(input, ModelRun.Evaluation);
        Assert.InRange(ModelRun.Distance(whole, new ReducedAttention(Rotary, 0, "a", parameters).Forward(input, ModelRun.Evaluation)), 0, 1e-6);
        Assert.True(ModelRun.Distance(whole, new ReducedAttention(Rotary, 0.3, "a", parameters).Forward(input, ModelRun.Evaluation)) > 1e-3);
    }

    /// <summary>A key that stands for three equal ones counts as three: the merging of equal tokens is without loss.</summary>
    [Fact]
    public void Equal_tokens_are_merged_without_a_trace()
    {
        using var scope = NewDisposeScope();
        var (parameters, tokens) = (Parameters(), randn(2, 3, 8));
        var input = tokens.index_select(1, tensor([0L, 0, 0, 1, 2, 2]));
        var whole = new SelfAttention(Plain, "a", parameters).Forward(input, ModelRun.Evaluation);
        Assert.InRange(ModelRun.Distance(whole, new ReducedAttention(Plain, 0.5, "a", parameters).Forward(input, ModelRun.Evaluation)), 0, 1e-5);
    }

    [Fact]
    public void It_is_its_formula_with_matrices()
    {
        using var scope = NewDisposeScope();
        var (expected, actual, weights) = (Parameters(), Parameters(), randn(1, 9, 8));
        var (plain, reduced) = (Leaf(), Leaf());
        var output = Formula(plain, expected);
        var result = new ReducedAttention(Rotary, 0.4, "a", actual).Forward(reduced, ModelRun.Evaluation);
        Assert.InRange(ModelRun.Distance(output, result), 0, 1e-5 * Math.Max(1, output.abs().max().item<float>()));
        (output * weights).sum().backward();
        (result * weights).sum().backward();
        Assert.All(expected.Prepend(new("input", plain)), parameter =>
        {
            var other = parameter.Key == "input" ? reduced.grad! : actual[parameter.Key].grad!;
            Assert.InRange(ModelRun.Distance(parameter.Value.grad!, other), 0, 1e-5 * Math.Max(1, other.abs().max().item<float>()));   // sums in another order
        });

        static Tensor Leaf() => randn([1, 9, 8], generator: new Generator(3)).requires_grad_(true);
    }

    [Fact]
    public void Caches_are_refused()
    {
        using var scope = NewDisposeScope();
        using var cache = new Cache();
        var (attention, input) = (new ReducedAttention(Rotary, 0.25, "a", Parameters()), randn(2, 4, 8));
        Assert.Throws<InvalidOperationException>(() => attention.Forward(input, ModelRun.Evaluation with { Cache = cache }));
    }

    private static Tensor Formula(Tensor input, Dictionary<string, Tensor> parameters)
    {
        var (length, merged) = (input.shape[1], (long)(0.4 * input.shape[1]));
        var (queries, keys) = (Project("q").view(1, length, 4, 6), Project("k").view(1, length, 2, 6));
        // (merged, length), rows that add up to 1: what the mean takes of each token.
        var mean = TokenMerging.Match(keys.mean([2]), merged).Merge(eye(length).unsqueeze(0))[0].detach();
        var sizes = 1 / mean.max(1).values;
        var (q, k) = new RotaryPositions(Rotary.Positions!, 6).Rotate(queries, keys, 0);
        (q, k) = (mean.matmul(q[0].transpose(0, 1)), mean.matmul(k[0].transpose(0, 1)).repeat_interleave(2, 0));
        var v = mean.matmul(Project("v").view(length, 2, 6).transpose(0, 1)).repeat_interleave(2, 0);
        var seen = ((q.matmul(k.transpose(1, 2)) / Math.Sqrt(6)).exp() * sizes) is var scores ? (scores / scores.sum(-1, true)).matmul(v) : v;
        return functional.linear(mean.gt(0).to(float32).t().matmul(seen.transpose(0, 1).reshape(-1, 24)).unsqueeze(0), parameters["a.o_proj.weight"]);

        Tensor Project(string part) => functional.linear(input, parameters[$"a.{part}_proj.weight"]);
    }

    /// <summary>The same at each call.</summary>
    private static Dictionary<string, Tensor> Parameters() => SelfAttention.Parameters(Plain, "a", Initialization.Normal(0.5), Initialization.Normal(0.5))
        .ToDictionary(p => p.Name, p => new Parameter(p, 1, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
}
