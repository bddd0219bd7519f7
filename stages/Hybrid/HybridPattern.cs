using Pipeline.Core.Configuration;

namespace Pipeline.Stages.Hybrid;

/// <summary>A hybrid's layers, a letter each, as Megatron-LM and Nemotron-H write them.</summary>
internal static class HybridPattern
{
    public const char Mamba2 = 'M', Mamba1 = 'm', Attention = '*', ReducedAttention = 'R', FeedForward = '-', Experts = 'E';

    private const char Border = '|';
    private const int MostLayers = 100_000;

    /// <summary>The letters without the borders.</summary>
    public static IReadOnlyList<char> Layers(string pattern) => [.. pattern.Where(letter => letter != Border)];

    /// <summary>Layers between borders; null without borders.</summary>
    public static IReadOnlyList<int>? Pieces(string pattern) => pattern.Contains(Border) ? [.. pattern.Split(Border).Select(piece => piece.Length)] : null;

    /// <summary>What is wrong with it, and what is allowed; null when all is well.</summary>
    public static string? Problem(string pattern)
    {
        for (var index = 0; index < pattern.Length; index++)
        {
            if (pattern[index] == Border && (index == 0 || index == pattern.Length - 1 || pattern[index - 1] == Border))
            {
                return $"model.pattern has a border | as character {index + 1} without a layer on each side; allowed are borders between two layers";
            }

            if (pattern[index] is not (Mamba2 or Mamba1 or Attention or ReducedAttention or FeedForward or Experts or Border))
            {
                return $"model.pattern has {QuotedText.Of(pattern[index].ToString())} as character {index + 1}; "
                    + "allowed are M (Mamba-2), m (Mamba-1), * (attention), R (attention over merged tokens), - (feed-forward), E (experts) "
                    + "and | (a border between stages)";
            }
        }

        return Layers(pattern).Count is > 0 and <= MostLayers ? null : $"model.pattern has {Layers(pattern).Count} layers; allowed are 1 to {MostLayers}";
    }
}
