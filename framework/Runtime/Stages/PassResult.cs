using System.Text.Json.Serialization;

namespace Pipeline.Runtime.Stages;

/// <summary>What micro-batches came to, added up.</summary>
/// <param name="Loss">Summed, not divided.</param>
/// <param name="Right">Targets that were predicted right.</param>
/// <param name="Whole">Sequences all of whose targets were.</param>
/// <param name="Targets">Those that were scored; 0 where what is right is not counted.</param>
/// <param name="Sequences">Those that were scored.</param>
public readonly record struct PassResult(double Loss, long Right = 0, long Whole = 0, long Targets = 0, long Sequences = 0)
{
    /// <summary>The share of targets predicted right; null where that is not counted.</summary>
    [JsonIgnore]
    public double? Accuracy => Targets == 0 ? null : (double)Right / Targets;

    /// <summary>The share of sequences all of whose targets are predicted right; null where that is not counted.</summary>
    [JsonIgnore]
    public double? SequenceAccuracy => Sequences == 0 ? null : (double)Whole / Sequences;

    public static PassResult operator +(PassResult one, PassResult other) => new(
        one.Loss + other.Loss, one.Right + other.Right, one.Whole + other.Whole, one.Targets + other.Targets, one.Sequences + other.Sequences);

    public static PassResult Sum(IEnumerable<PassResult> results) => results.Aggregate(default(PassResult), (sum, result) => sum + result);
}
