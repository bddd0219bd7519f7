namespace Pipeline.Core.Configuration;

/// <summary>The words a string setting may take (for a list: each of its elements).</summary>
[AttributeUsage(AttributeTargets.Parameter)]
public class OneOfAttribute(params string[] words) : Attribute
{
    public IReadOnlyList<string> Words => words;
}
