namespace Pipeline.Core.Configuration;

/// <summary>A value of a settings file before it has a type: an object, a list or text.</summary>
/// <param name="path">Its dotted key, such as <c>batch.micro-batches</c>; empty for the whole file.</param>
/// <param name="place">Where the user wrote it: the file, or <c>--set</c>.</param>
public abstract class SettingNode(string path, string place)
{
    public string Path => path;

    public string Place => place;

    /// <summary>What was written, to stand after "not" in a sentence.</summary>
    public abstract string Description { get; }

    /// <param name="predicate">Such as <c>must be text, not a list</c>; it follows the key.</param>
    /// <param name="suggestion">The word the user probably meant.</param>
    internal BadInputException Refusal(string predicate, string? suggestion = null) => new(
        $"{Place}: {QuotedText.Shorten(Path)} {predicate}{(suggestion is null ? "." : $"; did you mean {suggestion}?")}");
}
