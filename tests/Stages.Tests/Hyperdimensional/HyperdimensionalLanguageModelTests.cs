using Pipeline.Stages.Hyperdimensional;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Hyperdimensional;

public class HyperdimensionalLanguageModelTests
{
    private const int Vocabulary = 5;
    private static readonly HyperdimensionalSettings Small = new("hyperdimensional", Layers: 2, Width: 16, Context: 8, Window: 3, Inner: 6);

    [Fact]
    public void Symbols_are_shared_and_are_no_parameters_of_the_optimizer()
    {
        var model = new HyperdimensionalLanguageModel().Define(Small, Vocabulary);
        var codebook = model.Parameters.Single(parameter => parameter.Name == "codebook");
        Assert.Equal((ParameterUpdate.Fixed, false), (codebook.Update, codebook.IsOptimized));
        Assert.Equal([0, 3], model.Layers.Index().Where(layer => layer.Item.Parameters.Contains(codebook)).Select(layer => layer.Index));
        Assert.Equal(3 + (2 * (16 + (3 * 16 * 6))) + 16, model.ParameterCount);
        Assert.Equal(4, (Small with { Width = 15, Inner = null }).ResolvedInner);
    }

    [Fact]
    public void A_place_is_less_than_a_full_turn() => Assert.Equal(
        "model.window is 16, and a token's place is a turn of the dimensions; it must be less than model.width, which is 16", (Small with { Window = 16 }).Problem());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_hypervector_is_its_definition_place_by_place(bool binds)
    {
        using var scope = NewDisposeScope();
        var (codebook, weights, ids) = (randn(Vocabulary, 7), randn(3), new long[] { 4, 0, 0, 3, 1, 2 });
        var actual = new HypervectorEncoder(codebook, weights, binds).Forward(tensor(ids, [1, 6]), ModelRun.Evaluation);
        for (var place = 0; place < ids.Length; place++)
        {
            var (sum, gram) = (zeros(7), ones(7));
            for (var distance = 0; distance < 3 && distance <= place; distance++)
            {
                var token = codebook[ids[place - distance]].roll(distance + 1);
                gram *= token;
                sum += weights[distance] * (binds ? gram : token);
            }

            Assert.InRange(ModelRun.Distance(sum, actual[0, place]), 0, 1e-6);
        }
    }

    [Fact]
    public void Logits_are_similarities_with_the_symbols()
    {
        using var scope = NewDisposeScope();
        var codebook = randn(Vocabulary, 64).sign();
        var logits = new SimilarityHead(ones(64), 1e-9, codebook).Forward(codebook.unsqueeze(0) * 3, ModelRun.Evaluation)[0];
        Assert.Equal(8, logits.diagonal().mean().item<float>(), 1e-4);
        Assert.InRange(ModelRun.Distance(codebook.matmul(codebook.t()) / 8, logits), 0, 1e-4);
    }

    /// <summary>A token's symbol is at a place that the head does not look at.</summary>
    [Fact]
    public void An_untrained_model_prefers_no_token()
    {
        using var scope = NewDisposeScope();
        var ids = randint(0, 40, [8, 32], ScalarType.Int64);
        var model = new ModelRun(new HyperdimensionalLanguageModel(), Small with { Width = 2048, Context = 32 }, 40, gain: 1);
        var loss = TokenPrediction.Sum(model.Forward(ids), ids) / ids.numel();
        Assert.InRange(loss.item<float>(), Math.Log(40), Math.Log(40) + 1);
    }

    [Theory]
    [InlineData("bundle")]
    [InlineData("bind")]
    public void It_learns_what_is_within_its_window_and_never_the_symbols(string encoding)
    {
        using var scope = NewDisposeScope();
        var ids = tensor([.. Enumerable.Repeat<long[]>([0, 0, 1, 0, 2, 0, 3], 5).SelectMany(all => all)], [1L, 35]);
        Assert.InRange(Train(3), 0, 0.1);
        Assert.InRange(Train(1), 0.5, 10);   // what follows a 0 cannot be known then

        double Train(int window)
        {
            var model = new ModelRun(
                new HyperdimensionalLanguageModel(), Small with { Width = 128, Inner = 16, Window = window, Encoding = encoding }, Vocabulary, gain: 1);
            var before = model.Parameters["codebook"].detach().clone();
            var (inputs, targets, loss) = (ids.narrow(1, 3, 31), ids.narrow(1, 4, 31), 0.0);
            for (var step = 0; step < 60; step++)
            {
                using var inner = NewDisposeScope();
                foreach (var value in model.Parameters.Values.Where(value => value.grad is not null))
                {
                    value.grad!.zero_();
                }

                // What comes before the first token is not there, and so it is told apart.
                var mean = TokenPrediction.Sum(model.Forward(inputs).narrow(1, 3, 28), targets.narrow(1, 3, 28).contiguous()) / 28;
                mean.backward();
                using (no_grad())
                {
                    foreach (var value in model.Parameters.Values.Where(value => value.grad is not null))
                    {
                        value.sub_(value.grad!.sign() * 3e-3);
                    }
                }

                loss = mean.item<float>();
            }

            Assert.Null(model.Parameters["codebook"].grad);
            Assert.Equal(before, model.Parameters["codebook"]);
            return loss;
        }
    }
}
