using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Stages.Hybrid;
using Pipeline.Stages.Hyperdimensional;
using Pipeline.Stages.Jamba;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.LanguageModels;

/// <summary>A model that sees a text piece by piece, with a cache, gives what it gives for the whole.</summary>
public class CachedTests
{
    private const int Vocabulary = 11;
    private const int Length = 12;

    public static TheoryData<string> Models => [.. All.Keys];

    private static Dictionary<string, (IArchitecture Family, ModelSettings Settings)> All { get; } = new(StringComparer.Ordinal)
    {
        ["gpt2"] = (new Gpt2(), new Gpt2Settings("gpt2", 2, 16, 2, Length)),
        ["llama"] = (new Llama(), new LlamaSettings("llama", 2, 16, 4, Length)),
        ["llama, grouped queries"] = (
            new Llama(), new LlamaSettings("llama", 2, 16, 6, Length, KeyValueHeads: 2, HeadSize: 8, RopeType: "llama3", RopeFactor: 4, RopeOriginalContext: 6)),
        ["jamba"] = (
            new JambaLanguageModel(),
            new JambaSettings("jamba", 4, 16, 4, Length, KeyValueHeads: 2, Inner: 24, AttentionPeriod: 3, AttentionOffset: 1, Experts: 4, State: 4)),
        ["hybrid"] = (new HybridLanguageModel(), Hybrid),
        ["hybrid, no positions"] = (new HybridLanguageModel(), Hybrid with { Positions = "none" }),
        ["hyperdimensional"] = (new HyperdimensionalLanguageModel(), Hyperdimensional),
        ["hyperdimensional, bind"] = (new HyperdimensionalLanguageModel(), Hyperdimensional with { Encoding = "bind", Window = 2 }),
    };

    private static HybridSettings Hybrid =>
        new("hybrid", "M-*m|E", 16, Length, Heads: 4, KeyValueHeads: 2, Inner: 24, State: 4, MambaHeadSize: 8, Groups: 2, Chunk: 4, Experts: 4);

    private static HyperdimensionalSettings Hyperdimensional => new("hyperdimensional", 2, 64, Length, Window: 4);

    [Theory]
    [MemberData(nameof(Models))]
    public void Pieces_give_what_the_whole_gives(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = new ModelRun(All[name].Family, All[name].Settings, Vocabulary);
        var ids = Ids(3);
        var whole = model.Forward(ids);
        Assert.All<long[]>([[5, 1, 1, 1, 1, 1, 1, 1], [1, 4, 1, 6], [12], [3, 9]], pieces =>
        {
            using var cache = new Cache();
            var outputs = new List<Tensor>();
            foreach (var piece in pieces)
            {
                outputs.Add(model.Forward(ids.narrow(1, cache.Length, piece), ModelRun.Evaluation with { Cache = cache }));
                cache.Advance(piece);
            }

            Assert.InRange(ModelRun.Distance(whole, cat(outputs, 1)), 0, 1e-4 * whole.abs().max().item<float>());
        });
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Packed_documents_give_what_each_gives_alone(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = new ModelRun(All[name].Family, All[name].Settings, Vocabulary);
        var ids = Ids(2);
        long[][] lengths = [[5, 7], [1, 8, 3]];
        var starts = zeros(2, Length, ScalarType.Bool);
        var alone = new List<Tensor>();
        for (var sequence = 0; sequence < 2; sequence++)
        {
            var outputs = new List<Tensor>();
            var first = 0L;
            foreach (var length in lengths[sequence])
            {
                starts[sequence, first] = true;
                outputs.Add(model.Forward(ids.narrow(0, sequence, 1).narrow(1, first, length)));
                first += length;
            }

            alone.Add(cat(outputs, 1));
        }

        var expected = cat(alone);
        var size = expected.abs().max().item<float>();
        // An expert takes other numbers of tokens at once then, and sums are rounded in another order, which large weights make more of.
        var tolerance = All[name].Family is JambaLanguageModel or HybridLanguageModel ? 1e-4 : 1e-5;
        Assert.InRange(ModelRun.Distance(expected, model.Forward(ids, ModelRun.Evaluation with { DocumentStarts = starts })), 0, tolerance * size);
        Assert.True(ModelRun.Distance(expected, model.Forward(ids)) > 1e-2 * size, "A token should see what is before it.");
    }

    [Fact]
    public void A_text_longer_than_the_learned_positions_is_refused()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var cache = new Cache();
        var model = new ModelRun(All["gpt2"].Family, All["gpt2"].Settings, Vocabulary);
        var pass = ModelRun.Evaluation with { Cache = cache };
        model.Forward(zeros(1, Length, ScalarType.Int64), pass);
        cache.Advance(Length);
        var refusal = Assert.Throws<BadInputException>(() => model.Forward(zeros(1, 1, ScalarType.Int64), pass));
        Assert.Equal("The text has 13 tokens, and the model has positions for 12; allowed are at most as many.", refusal.Message);
    }

    /// <summary>The same each time: a router's choice between two experts that are as likely must not be left to chance.</summary>
    private static Tensor Ids(int sequences)
    {
        var random = new Random(1);
        return tensor([.. Enumerable.Range(0, sequences * Length).Select(_ => random.NextInt64(Vocabulary))], [(long)sequences, Length]);
    }
}
