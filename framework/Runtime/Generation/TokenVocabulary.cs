using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Data.Tokenizers;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Generation;

/// <summary>The tokens of a trained model and the text they stand for.</summary>
/// <param name="Count">Of the tokens that the model may choose: ids are 0 up to this. The model can have more rows.</param>
/// <param name="Codec">Null where only ids go in and come out.</param>
/// <param name="Bytes">Bytes of text that a token stands for; null where that is not known.</param>
/// <param name="EndOfText">The token that ends a text; null where there is none.</param>
/// <param name="Tokenizer">As <c>data.tokenizer</c> names it, a path whole; null where there is none.</param>
/// <param name="Problem">Why only ids go in and come out, one sentence; null where text does, or the model came without a tokenizer.</param>
public sealed record TokenVocabulary(
    int Count, ITextCodec? Codec, Func<long, int>? Bytes = null, long? EndOfText = null, string? Tokenizer = null, string? Problem = null)
{
    /// <summary>The one place where a checkpoint's tokenizer is chosen.</summary>
    /// <param name="data">Of the checkpoint's job.</param>
    /// <param name="rows">Of the model's embedding.</param>
    /// <exception cref="BadInputException">The tokenizer is not there or not the model's, or has more tokens than the model.</exception>
    public static TokenVocabulary Of(Checkpoint checkpoint, DataSettings data, int rows)
    {
        var (manifest, folder) = (checkpoint.Manifest, checkpoint.Directory);
        TokenVocabulary vocabulary;
        switch (manifest.Tokenizer)
        {
            case "bytes":
                vocabulary = new(256, new ByteCodec(), _ => 1, Tokenizer: "bytes");
                break;
            case "chars" when manifest.Characters is { Length: > 0 } characters:
                var codec = new CharacterCodec(characters);
                vocabulary = new(codec.Count, codec, codec.Bytes, Tokenizer: "chars");
                break;
            case "chars":
                throw new BadInputException($"{folder} has no table of characters in its manifest.");
            case "none":
                vocabulary = new(rows, null);
                break;
            default:
                vocabulary = OfFile(PathOf(manifest, folder, (TextDataSettings)data), manifest, rows);
                break;
        }

        return vocabulary.Count <= rows ? vocabulary
            : throw new BadInputException($"{folder}: the model has {rows} rows of tokens, fewer than the {vocabulary.Count} of its tokenizer.");
    }

    private static TokenVocabulary OfFile(string path, Manifest manifest, int rows)
    {
        TokenizerFile tokenizer;
        try
        {
            tokenizer = TokenizerFile.Open(path);
        }
        catch (BadInputException unknown) when (manifest.IsImport)
        {
            return new(rows, null, Problem: unknown.Message);   // the model can be used without
        }

        if (!manifest.IsImport && tokenizer.Name != manifest.Tokenizer)
        {
            throw new BadInputException($"{path} is not the tokenizer that the model was trained with: its content differs.");
        }

        // A model may have fewer rows than its tokenizer has added tokens, which its text then never has.
        return new(Math.Min(tokenizer.Vocabulary, rows), tokenizer, null, tokenizer.EndOfText, path);
    }

    private static string PathOf(Manifest manifest, string folder, TextDataSettings data) => TokenizerFiles.HaveTokenizer(manifest.TokenizerFiles)
        ? Path.Combine(folder, TokenizerFiles.Folder)
        : Path.GetFullPath(data.Tokenizer, manifest.Folder is { } then && Directory.Exists(then) ? then : Directory.GetCurrentDirectory());
}
