namespace Pipeline.Runtime.Interpretation;

/// <summary>Which learned functions of a model are wanted.</summary>
/// <param name="Layer">Null: all that have some.</param>
/// <param name="Input">From 0; null: all.</param>
/// <param name="Output">From 0; null: all.</param>
/// <param name="Most">If there are more, those with the largest share are taken.</param>
public sealed record EdgeSelection(string? Layer = null, int? Input = null, int? Output = null, int Most = 64)
{
    internal bool Takes(int input, int output) => (Input ?? input) == input && (Output ?? output) == output;
}
