using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <param name="PuzzleLength">Positions before the cells that hold the puzzle embedding; 0: there is none.</param>
/// <param name="HasLearnedPositions">A learned vector is added at each position.</param>
/// <param name="PuzzleRate">Of the puzzle embedding's sign descent.</param>
/// <param name="PuzzleDecay">Of the same.</param>
internal sealed record ReasoningEmbeddingSettings(
    int Cells, int Width, int Vocabulary, int PuzzleLength, bool HasLearnedPositions, double PuzzleRate, double PuzzleDecay)
{
    public int Length => PuzzleLength + Cells;
}

/// <summary>The first layer of a reasoner: int64 (sequences, cells) to the stream (sequences, 3, length, width), in which are one behind the other
/// the high state, the low state and the embedded puzzle. A slot goes on with the states that it brings, and begins a new sample with learned nothing:
/// two fixed random vectors, the same at each position.</summary>
internal sealed class ReasoningEmbedding(ReasoningEmbeddingSettings settings, IReadOnlyDictionary<string, Tensor> parameters) : Layer
{
    private const string Tokens = "embed_tokens.embedding_weight", Puzzle = "puzzle_emb.weights", Positions = "embed_pos.embedding_weight",
        HighStart = "H_init", LowStart = "L_init";

    public static LayerDefinition Define(ReasoningEmbeddingSettings settings)
    {
        var (width, start) = (settings.Width, TruncatedNormal.ByInputs(settings.Width));
        var definitions = new List<ParameterDefinition> { new(Tokens, [settings.Vocabulary, width], start) };
        if (settings.PuzzleLength > 0)
        {
            definitions.Add(new(
                Puzzle, [1, width], Initialization.Constant(0), Update: ParameterUpdate.SignDescent(settings.PuzzleRate, settings.PuzzleDecay)));
        }

        if (settings.HasLearnedPositions)
        {
            definitions.Add(new(Positions, [settings.Length, width], start));
        }

        definitions.Add(new(HighStart, [width], new TruncatedNormal(1), Update: ParameterUpdate.Fixed));
        definitions.Add(new(LowStart, [width], new TruncatedNormal(1), Update: ParameterUpdate.Fixed));
        return new("embedding", definitions, new(0, (double)settings.Cells * width), values => new ReasoningEmbedding(settings, values));
    }

    public override Tensor Forward(Tensor input, Pass pass)
    {
        var embedded = Embed(input, pass);
        using var none = pass.Carry is null ? Carry.Empty((int)input.shape[0]) : null;
        var carry = pass.Carry ?? none!;
        var isNew = carry.IsNew(input.device).view(-1, 1, 1);
        var before = carry.State?.to(embedded.dtype).unbind(1);
        return stack([State(HighStart, 0), State(LowStart, 1), embedded], 1);

        Tensor State(string start, int part)
        {
            var value = parameters[start].detach().to(embedded.dtype);
            return before is null ? value.expand(embedded.shape) : where(isNew, value, before[part]);
        }
    }

    private Tensor Embed(Tensor input, Pass pass)
    {
        var embedded = pass.Embedding(parameters[Tokens], input).to(pass.Compute);
        if (settings.PuzzleLength > 0)
        {
            // One vector, at the first position; the further ones are room to think.
            var puzzle = parameters[Puzzle].to(pass.Compute);
            var room = zeros([settings.PuzzleLength - 1, settings.Width], pass.Compute, input.device);
            embedded = cat([cat([puzzle, room], 0).unsqueeze(0).expand(input.shape[0], -1, -1), embedded], 1);
        }

        if (settings.HasLearnedPositions)
        {
            embedded = Arithmetic.Scale(Arithmetic.Add(embedded, parameters[Positions].to(pass.Compute)), Math.Sqrt(0.5));   // of the same variance as before
        }

        return Arithmetic.Scale(embedded, Math.Sqrt(settings.Width));
    }
}
