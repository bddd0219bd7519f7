using Pipeline.Core.Data.Formats;
using Pipeline.Core.Data.Tokenizers;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>What a token file was made of, and what it holds.</summary>
/// <param name="TokenBytes">Bytes of a token.</param>
public sealed record TokenFileMaking(string Output, int Files, long Documents, long Tokens, int TokenBytes, int Vocabulary, int? EndOfText, string Tokenizer)
{
    /// <summary>Makes one token file of text, JSON lines and Parquet.</summary>
    /// <param name="settings">Its files, tokenizer and text field.</param>
    /// <param name="folder">What they are relative to.</param>
    /// <param name="output">Ends with .tokens; a file that is there is replaced when the new one is whole.</param>
    /// <exception cref="BadInputException">Anything that the user can correct.</exception>
    public static TokenFileMaking Make(TextDataSettings settings, string folder, string output)
    {
        if (Formats.Documents.FormatOf(output) != DataFormat.Tokens)
        {
            throw new BadInputException($"{output} must end with .tokens, by which a token file is known.");
        }

        if (settings.Tokenizer is "bytes" or "chars")
        {
            throw new BadInputException($"the tokenizer {settings.Tokenizer} needs no token file; a tokenizer file is allowed.");
        }

        var tokenizer = TokenizerFile.Open(Path.GetFullPath(settings.Tokenizer, folder));
        try
        {
            var files = FileGlob.Expand(settings.Files, folder);
            if (files.FirstOrDefault(file => Formats.Documents.FormatOf(file.FullPath) == DataFormat.Tokens) is { FullPath: { } given })
            {
                throw new BadInputException($"{given} is a token file already; allowed are text, .jsonl, .jsonl.gz and .parquet.");
            }

            using var writer = new TokenFileWriter(Path.GetFullPath(output, folder), tokenizer);
            foreach (var (_, file) in files)
            {
                writer.Add(file, settings);
            }

            writer.Complete();
            return new(output, files.Count, writer.Documents, writer.Tokens, writer.Size, tokenizer.Vocabulary, tokenizer.EndOfText, tokenizer.Name);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(failure.Message, failure);
        }
    }
}
