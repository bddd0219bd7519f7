using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Hyperdimensional;

/// <summary>The last tokens at each place as one hypervector: int64 (sequences, length) to (sequences, length, dimensions). A token is permuted once
/// more than its distance, so that place 0 is left to the one that follows. What is not there, before the first token of a document, is a zero.</summary>
/// <param name="codebook">(vocabulary, dimensions): the symbols, which get no gradient.</param>
/// <param name="weights">(window): what each distance, or each length of n-gram, counts.</param>
/// <param name="binds">N-grams, whose tokens are bound; else tokens alone.</param>
public sealed class HypervectorEncoder(Tensor codebook, Tensor weights, bool binds) : Layer
{
    private const string Name = "encoder";
    private const long Missing = -1;

    public static LayerDefinition Define(ParameterDefinition codebook, int window, bool binds, int context)
    {
        var (dimensions, weights) = (codebook.Shape[1], $"{Name}.weights");
        return new(
            Name,
            // The parts are nearly orthogonal: so many, of this weight, have a mean square of 1 together.
            [codebook, new(weights, [window], Initialization.Constant(1 / Math.Sqrt(window)))],
            new((binds ? 3.0 : 2.0) * context * window * dimensions, (double)context * window * dimensions),
            parameters => new HypervectorEncoder(parameters[codebook.Name], parameters[weights], binds));
    }

    public override Tensor Forward(Tensor input, Pass pass)
    {
        var (length, back) = (input.shape[1], (int)weights.shape[0] - 1);
        var before = pass.Cache?.Get(Name) ?? Arithmetic.Full([input.shape[0], back], Missing).to(ScalarType.Int64, input.device);
        var tokens = cat([before, input], 1);
        pass.Cache?.Set(Name, tokens.narrow(1, length, back));

        var there = tokens.signbit().logical_not();
        var symbols = Operator.Embedding(codebook.detach(), tokens * there.to(ScalarType.Int64)).to(pass.Compute);
        var document = pass.DocumentStarts?.to(ScalarType.Int32).cumsum(1);   // what came before the call is 0
        var numbered = document is null ? null : cat([zeros([input.shape[0], back], document.dtype, input.device), document], 1);
        var parts = new List<Tensor>();
        for (var distance = 0; distance <= back; distance++)
        {
            var seen = there.narrow(1, back - distance, length);
            seen = numbered is null ? seen : seen.logical_and(numbered.narrow(1, back - distance, length).eq(document!));
            var token = Hypervectors.Permute(symbols.narrow(1, back - distance, length), distance + 1) * seen.to(pass.Compute).unsqueeze(-1);
            parts.Add(binds && distance > 0 ? Hypervectors.Bind(parts[^1], token) : token);
        }

        return Hypervectors.Bundle(parts.Zip(weights.to(pass.Compute).unbind(0), (part, weight) => part * weight));
    }
}
