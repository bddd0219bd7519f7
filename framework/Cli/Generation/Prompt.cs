using Pipeline.Core.Data;

namespace Pipeline.Cli.Generation;

/// <summary>A prompt, and what the model has written behind it as text; ids with spaces between where the model has no text.</summary>
internal sealed class Prompt
{
    private const char Replacement = '\uFFFD';

    private readonly ITextCodec? codec;
    private readonly List<long> tokens;
    private int told;

    public Prompt(ITextCodec? codec, IReadOnlyList<long> ids)
    {
        (this.codec, Ids, tokens) = (codec, ids, [.. ids]);
        Text = Whole();
        told = Complete(Text);
    }

    public IReadOnlyList<long> Ids { get; }

    public string Text { get; }

    /// <summary>Adds a token.</summary>
    /// <returns>The text that is complete now and was not before: a character may take several tokens.</returns>
    public string Add(long token)
    {
        tokens.Add(token);
        var whole = Whole();
        return Tell(whole, Complete(whole));
    }

    /// <returns>What is left, incomplete characters too.</returns>
    public string Rest() => Whole() is var whole ? Tell(whole, whole.Length) : "";

    private string Tell(string whole, int end)
    {
        var from = Math.Min(told, whole.Length);
        told = Math.Max(from, end);
        return whole[from..told];
    }

    // Of prompt and continuation together: some tokenizers write a token otherwise at the beginning.
    private string Whole() => codec?.Decode(tokens) ?? string.Concat(tokens.Select((token, index) => index == 0 ? $"{token}" : $" {token}"));

    private static int Complete(string text) => text.AsSpan().TrimEnd(Replacement).Length;
}
