using Pipeline.Core;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>Reads tensors of a checkpoint by name, whole or in pieces, however they were saved. For one thread.</summary>
public sealed class CheckpointReader : IDisposable
{
    private readonly string directory;
    private readonly TensorIndex index;
    private readonly Dictionary<string, SafeTensorsFile> open = new(StringComparer.Ordinal);

    private readonly bool isImport;

    /// <param name="isImport">Optimizer state is not there, and reads as zero.</param>
    internal CheckpointReader(string directory, TensorIndex index, bool isImport) =>
        (this.directory, this.index, this.isImport) = (directory, index, isImport);

    /// <summary>Reads the value that a parameter is used with after its training: its average where there is one. Converts between
    /// types of floating-point numbers.</summary>
    /// <exception cref="BadInputException">As <see cref="ReadInto"/>.</exception>
    public void ReadTrainedInto(string parameter, Tensor destination)
    {
        var average = Checkpoint.AveragePrefix + parameter;
        ReadConverted(index.Has(average) ? average : parameter, destination);
    }

    /// <summary>An average that is not there begins at its parameter.</summary>
    /// <param name="name">Of a tensor, or with <c>[start:end]</c> behind it of a piece of one.</param>
    /// <param name="destination">Overwritten.</param>
    /// <exception cref="BadInputException">The checkpoint lacks the tensor, or it has another shape or type.</exception>
    public void ReadInto(string name, Tensor destination)
    {
        if (isImport && name.StartsWith(Checkpoint.OptimizerPrefix, StringComparison.Ordinal))
        {
            using var moment = NewDisposeScope();
            using var off = no_grad();
            destination.zero_();
            return;
        }

        if (!index.Has(name) && name.StartsWith(Checkpoint.AveragePrefix, StringComparison.Ordinal))
        {
            ReadConverted(name[Checkpoint.AveragePrefix.Length..], destination);
            return;
        }

        var (parts, start) = index.Find(name, destination.numel());
        if (parts is [var only] && only.Name == name)
        {
            FileOf(only).ReadInto(name, destination);
            return;
        }

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var flat = destination.detach().view(-1);
        foreach (var part in parts)
        {
            var (from, to) = (Math.Max(start, part.Start), Math.Min(start + flat.numel(), part.End ?? long.MaxValue));
            FileOf(part).ReadInto(part.Name, from - part.Start, flat.narrow(0, from - start, to - from));
        }
    }

    public void Dispose()
    {
        foreach (var shard in open.Values)
        {
            shard.Dispose();
        }
    }

    /// <param name="name">Of a tensor that is saved whole, as parameters and averages are.</param>
    private void ReadConverted(string name, Tensor destination)
    {
        var (parts, _) = index.Find(name, destination.numel());
        var file = FileOf(parts[0]);
        if (!file.Entries.TryGetValue(parts[0].Name, out var entry) || entry.Type == destination.dtype
            || !is_floating_point(entry.Type) || !is_floating_point(destination.dtype))
        {
            file.ReadInto(parts[0].Name, destination);
            return;
        }

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var stored = empty_like(destination, entry.Type, requires_grad: false);
        file.ReadInto(parts[0].Name, stored);
        destination.copy_(stored);
    }

    private SafeTensorsFile FileOf(TensorPart part)
    {
        if (!open.TryGetValue(part.File, out var shard))
        {
            open[part.File] = shard = SafeTensorsFile.Open(Path.Combine(directory, part.File));
        }

        return shard;
    }
}
