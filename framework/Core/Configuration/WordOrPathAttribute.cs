namespace Pipeline.Core.Configuration;

/// <summary>The setting is one of these words, or a path: text with a dot or a slash in it.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class WordOrPathAttribute(params string[] words) : OneOfAttribute(words);
