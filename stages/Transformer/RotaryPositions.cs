using Pipeline.Core;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Transformer;

/// <summary>Rotary positions (Su et al. 2021, arXiv:2104.09864) as in Hugging Face's Llama: element i of a head turns together with element
/// i + size/2. Only distances between tokens count, so that documents in one sequence need no positions of their own.</summary>
/// <param name="size">Of a head; even.</param>
public sealed class RotaryPositions(RopeSettings settings, int size)
{
    private readonly float[] frequencies = [.. Enumerable.Range(0, size / 2).Select(index => Frequency(settings, MathF.Pow((float)settings.Theta, 2f * index / size)))];

    /// <summary>Radians a token, of each of the size/2 pairs; in float32 as Hugging Face has them.</summary>
    public IReadOnlyList<float> Frequencies => frequencies;

    /// <param name="query">(sequences, length, heads, size).</param>
    /// <param name="key">(sequences, length, groups, size).</param>
    /// <param name="first">The position of the first token.</param>
    public (Tensor Query, Tensor Key) Rotate(Tensor query, Tensor key, long first)
    {
        var positions = Arithmetic.Shift(Arithmetic.Range(query.shape[1], ScalarType.Float32, query.device), first);
        var angles = positions.unsqueeze(1) * tensor(frequencies, device: query.device);
        var both = cat([angles, angles], -1).unsqueeze(1);   // (length, 1, size)
        var (cosine, sine) = (both.cos().to(query.dtype), both.sin().to(query.dtype));
        return (Turn(query), Turn(key));

        Tensor Turn(Tensor input)
        {
            var halves = input.chunk(2, -1);
            return Arithmetic.Add(input * cosine, cat([halves[1].neg(), halves[0]], -1) * sine);
        }
    }

    /// <summary>The scalings of Hugging Face's modeling_rope_utils; llama3 is Meta's for Llama 3.1.</summary>
    /// <param name="tokens">Tokens a radian without scaling.</param>
    private static float Frequency(RopeSettings settings, float tokens)
    {
        var (plain, factor) = (1 / tokens, (float)settings.Factor);
        switch (settings.Type)
        {
            case "default":
                return plain;
            case "linear":
                return plain / factor;
            case "llama3":
                var (low, high) = ((float)settings.LowFrequencyFactor, (float)settings.HighFrequencyFactor);
                var turns = settings.OriginalContext / (2 * MathF.PI / plain);
                var kept = Math.Clamp((turns - low) / (high - low), 0, 1);
                return ((1 - kept) * plain / factor) + (kept * plain);
            default:
                throw new BadInputException($"The rotary positions' type is {settings.Type}; it must be default, linear or llama3.");
        }
    }
}
