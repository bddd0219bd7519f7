using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Generation;

/// <summary>The tokens of a trained model and the text they stand for.</summary>
/// <param name="Count">Of the tokens that the model may choose: ids are 0 up to this. The model can have more rows.</param>
/// <param name="Codec">Null where only ids go in and come out.</param>
/// <param name="Bytes">Bytes of text that a token stands for; null where that is not known.</param>
/// <param name="EndOfText">The token that ends a text; null where there is none.</param>
public sealed record TokenVocabulary(int Count, ITextCodec? Codec, Func<long, int>? Bytes = null, long? EndOfText = null)
{
    /// <summary>The one place where a checkpoint's tokenizer is chosen.</summary>
    /// <param name="folder">Of the checkpoint.</param>
    /// <param name="rows">Of the model's embedding, where the job says it.</param>
    /// <exception cref="BadInputException">There is no such tokenizer, and the number of tokens is not known without it.</exception>
    public static TokenVocabulary Of(Manifest manifest, string folder, int? rows)
    {
        switch (manifest.Tokenizer)
        {
            case "bytes":
                return new(256, new ByteCodec(), _ => 1);
            case "chars" when manifest.Characters is { Length: > 0 } characters:
                var codec = new CharacterCodec(characters);
                return new(codec.Count, codec, codec.Bytes);
            case "chars":
                throw new BadInputException($"{folder} has no table of characters in its manifest.");
            default:
                return new(
                    rows ?? throw new BadInputException($"{folder} has a tokenizer that is not known here ({manifest.Tokenizer}), and no model.vocabulary."), null);
        }
    }
}
