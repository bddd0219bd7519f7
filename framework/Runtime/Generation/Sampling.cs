using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Runtime.Generation;

/// <summary>How a token is chosen from a model's logits. What is chosen depends on (seed, prompt, position) and the logits alone.</summary>
/// <param name="Temperature">Divides the logits; 0 chooses the most likely token always (greedy).</param>
/// <param name="TopK">Only the so many most likely tokens are chosen from.</param>
/// <param name="TopP">Only the fewest most likely tokens whose probabilities add up to this are chosen from: nucleus sampling (Holtzman et al. 2020,
/// arXiv:1904.09751). As in Hugging Face's generation, it comes after temperature and top-k.</param>
public sealed record Sampling(double Temperature = 1, int? TopK = null, double? TopP = null, long Seed = 1)
{
    /// <summary>What is wrong with the numbers, as a sentence; null when nothing is.</summary>
    public string? Problem() => this switch
    {
        { Temperature: not (>= 0 and < double.PositiveInfinity) } => Text($"--temperature must be a number of at least 0, not {Temperature}."),
        { TopK: < 1 } => Text($"--top-k must be a whole number of at least 1, not {TopK}."),
        { TopP: not (null or (> 0 and <= 1)) } => Text($"--top-p must be greater than 0 and at most 1, not {TopP}."),
        _ => null,
    };

    /// <param name="logits">Of the tokens that may be chosen, by id.</param>
    /// <param name="prompt">Number of the prompt.</param>
    /// <param name="position">Of the token to be chosen in its sequence.</param>
    /// <exception cref="InvalidOperationException">The logits are not numbers.</exception>
    public int Choose(ReadOnlySpan<float> logits, int prompt, long position)
    {
        var best = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            best = logits[id] > logits[best] ? id : best;
            if (float.IsNaN(logits[id]) || float.IsPositiveInfinity(logits[id]))
            {
                throw new InvalidOperationException($"the logit of token {id} is not a finite number");
            }
        }

        return float.IsNegativeInfinity(logits[best]) ? throw new InvalidOperationException("no logit is a finite number")
            : Temperature == 0 ? best
            : Draw(Candidates(logits), logits, logits[best], Uniform(Seeds.Derive(Seed, prompt, position)));
    }

    /// <summary>Token ids, by falling logit where only some are chosen from; of equals the smaller id comes first.</summary>
    private int[] Candidates(ReadOnlySpan<float> logits)
    {
        if (TopK is null && TopP is null)
        {
            return [.. Enumerable.Range(0, logits.Length)];
        }

        var keys = new ulong[logits.Length];
        for (var id = 0; id < logits.Length; id++)
        {
            // A float's bits, those of negatives turned around, sort as it does.
            var bits = BitConverter.SingleToUInt32Bits(logits[id] + 0f);
            var ascending = (bits & 0x8000_0000) == 0 ? bits | 0x8000_0000 : ~bits;
            keys[id] = ((ulong)~ascending << 32) | (uint)id;
        }

        Array.Sort(keys);
        return [.. keys.Take(TopK ?? keys.Length).Select(key => (int)(uint)key)];
    }

    private int Draw(int[] candidates, ReadOnlySpan<float> logits, float highest, double uniform)
    {
        var weights = new double[candidates.Length];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = Math.Exp(((double)logits[candidates[i]] - highest) / Temperature);
        }

        var (count, sum) = TopP is { } share ? Nucleus(weights, share) : (weights.Length, weights.Sum());
        var rest = uniform * sum;
        for (var i = 0; i < count; i++)
        {
            rest -= weights[i];
            if (rest < 0)
            {
                return candidates[i];
            }
        }

        return candidates[Array.FindLastIndex(weights, count - 1, weight => weight > 0)];   // rounding
    }

    private static (int Count, double Sum) Nucleus(double[] weights, double share)
    {
        var (needed, sum) = (share * weights.Sum(), 0.0);
        for (var i = 0; i < weights.Length; i++)
        {
            sum += weights[i];
            if (sum >= needed)
            {
                return (i + 1, sum);
            }
        }

        return (weights.Length, sum);
    }

    /// <returns>In [0, 1).</returns>
    private static double Uniform(ulong random) => (random >> 11) * (1.0 / (1L << 53));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
