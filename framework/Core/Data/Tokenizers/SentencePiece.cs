using Google.Protobuf;
using Microsoft.ML.Tokenizers;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>A SentencePiece tokenizer.model (Kudo and Richardson 2018) that keeps white space, as Llama's and Mistral's do.</summary>
internal sealed class SentencePiece : TokenizerFile
{
    /// <summary>What a space is in a piece.</summary>
    private const string Space = "\u2581";

    private readonly SentencePieceTokenizer tokenizer;

    private SentencePiece(byte[] content, SentencePieceTokenizer tokenizer)
    {
        this.tokenizer = tokenizer;
        Name = $"tokenizer.model {Hash(content)}";
        Vocabulary = tokenizer.Vocabulary.Values.Max() + 1;
        EndOfText = tokenizer.EndOfSentenceId >= 0 && tokenizer.EndOfSentenceId < Vocabulary ? tokenizer.EndOfSentenceId : null;
    }

    public override string Name { get; }

    public override int Vocabulary { get; }

    public override int? EndOfText { get; }

    public static TokenizerFile Read(string file)
    {
        var content = Content(file);
        SentencePiece read;
        try
        {
            read = new(content, SentencePieceTokenizer.Create(new MemoryStream(content), addBeginningOfSentence: false, addEndOfSentence: false));
        }
        catch (Exception failure) when (failure is InvalidProtocolBufferException or ArgumentException or InvalidOperationException or NotSupportedException or NullReferenceException)
        {
            throw new BadInputException($"data.tokenizer: {file} is no SentencePiece model that can be read: {failure.Message}", failure);
        }

        const string Probe = "a b\n c\t\nd  e";
        if (read.Decode(read.Encode(Probe)) != Probe)
        {
            throw new BadInputException($"data.tokenizer: {file} does not keep white space as it is; allowed are SentencePiece models that do, as Llama's does.");
        }

        if (read.tokenizer.Vocabulary.Keys.FirstOrDefault(HinderedBorder) is { } piece
            || (read.tokenizer.AddDummyPrefix && !read.tokenizer.Vocabulary.ContainsKey(Space)))
        {
            throw new BadInputException($"data.tokenizer: {file} has pieces that reach over a line end, or none for a space, so that long text could not be cut exactly.");
        }

        return read;
    }

    public override string Decode(IReadOnlyList<long> tokens) => tokenizer.Decode(tokens.Select(token => (int)token)) ?? "";

    /// <summary>Before a line end that follows a letter or digit: no piece has both.</summary>
    public override int Border(ReadOnlySpan<char> text)
    {
        for (var end = text.LastIndexOf('\n'); end > 0; end = text[..end].LastIndexOf('\n'))
        {
            if (WordPattern.Border(text[..(end + 1)]) == end)
            {
                return end;
            }
        }

        return 0;
    }

    public override void Encode(string piece, bool first, List<int> ids)
    {
        var encoded = tokenizer.EncodeToIds(piece);
        // A space is put before all text that is encoded; a later piece, which begins with a line end, is not the beginning of a text.
        ids.AddRange(first || !tokenizer.AddDummyPrefix ? encoded : encoded.Skip(1));
    }

    private static bool HinderedBorder(string piece) =>
        piece.StartsWith(Space + "\n", StringComparison.Ordinal) || (piece.IndexOf('\n', StringComparison.Ordinal) is > 0 and var end && char.IsLetterOrDigit(piece[end - 1]));
}
