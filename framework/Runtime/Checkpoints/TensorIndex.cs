using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>Where the tensors of a checkpoint are. A tensor is whole under its name, or in flat pieces that replicas have saved, under names
/// such as <c>optimizer.exp_avg.wte.weight[0:4096]</c>, which together are the whole, in C order.</summary>
internal sealed partial class TensorIndex
{
    private readonly Dictionary<string, TensorPart[]> parts;
    private readonly string directory;

    /// <exception cref="BadInputException">A tensor is there twice, or pieces of one overlap or are missing.</exception>
    public TensorIndex(string directory, IReadOnlyList<Shard> shards)
    {
        this.directory = directory;
        parts = shards
            .SelectMany(shard => shard.Tensors.Select(tensor => PartOf(tensor, shard.File)))
            .GroupBy(entry => entry.Tensor, entry => entry.Part, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.OrderBy(part => part.Start).ToArray(), StringComparer.Ordinal);
        foreach (var (tensor, found) in parts)
        {
            Check(tensor, found);
        }
    }

    public bool Has(string tensor) => parts.ContainsKey(tensor);

    /// <summary>The parts that have a tensor's elements, or those of the piece that a name asks for, ascending.</summary>
    /// <param name="name">Of a tensor, or of a piece of one.</param>
    /// <param name="elements">That the asker has room for.</param>
    /// <returns>The parts, and the first element that is asked for.</returns>
    /// <exception cref="BadInputException">There is no such tensor, or it has fewer elements.</exception>
    public (IReadOnlyList<TensorPart> Parts, long Start) Find(string name, long elements)
    {
        var (tensor, wanted) = PartOf(name, "");
        if (!parts.TryGetValue(tensor, out var found))
        {
            throw new BadInputException($"{directory} has no tensor {tensor}: it is a checkpoint of another model.");
        }

        var end = wanted.Start + elements;
        if (found[^1].End is { } last && (last < end || (wanted.End is null && last > end)))
        {
            throw new BadInputException($"{directory} has {last} elements of {tensor}, and {end} are needed.");
        }

        return ([.. found.Where(part => part.End is null || (part.End > wanted.Start && part.Start < end))], wanted.Start);
    }

    private void Check(string tensor, TensorPart[] found)
    {
        var next = 0L;
        for (var index = 0; index < found.Length; index++)
        {
            var (start, end) = (found[index].Start, found[index].End);
            if ((end is null && found.Length > 1) || start < next)
            {
                throw new BadInputException($"{directory} has {(end is null ? $"the tensor {tensor} twice" : $"elements from {start} of the tensor {tensor} twice")}.");
            }

            if (start > next || end <= start)
            {
                throw new BadInputException($"{directory} lacks the elements from {next} of the tensor {tensor}.");
            }

            next = end ?? 0;
        }
    }

    /// <summary>What a tensor of a shard is, by its name.</summary>
    public static (string Tensor, TensorPart Part) PartOf(string name, string file)
    {
        var match = PieceName.Match(name);
        return match.Success
            && long.TryParse(match.Groups["start"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            && long.TryParse(match.Groups["end"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var end)
            ? (match.Groups["tensor"].Value, new(name, file, start, end))
            : (name, new(name, file, 0, null));
    }

    [GeneratedRegex(@"^(?<tensor>.+)\[(?<start>[0-9]+):(?<end>[0-9]+)\]$", RegexOptions.ExplicitCapture)]
    private static partial Regex PieceName { get; }
}

/// <summary>A tensor of a shard's file.</summary>
/// <param name="Start">The first of the whole tensor's elements in it.</param>
/// <param name="End">The first element behind it; null where it is the whole tensor.</param>
internal sealed record TensorPart(string Name, string File, long Start, long? End);
