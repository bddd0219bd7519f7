namespace Pipeline.Core.Data;

/// <summary>Text to token ids and back, for prompts and what a model answers.</summary>
public interface ITextCodec
{
    /// <exception cref="BadInputException">The text has something that no token stands for.</exception>
    IReadOnlyList<long> Encode(string text);

    /// <summary>Whole characters only: what a cut token leaves of one is shown as U+FFFD.</summary>
    string Decode(IReadOnlyList<long> tokens);
}
