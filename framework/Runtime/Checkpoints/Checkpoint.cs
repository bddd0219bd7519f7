using System.Security.Cryptography;
using Pipeline.Core;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>A whole checkpoint on disk.</summary>
public sealed class Checkpoint
{
    private Checkpoint(string directory, Manifest manifest)
    {
        Directory = directory;
        Manifest = manifest;
    }

    public string Directory { get; }

    public Manifest Manifest { get; }

    /// <summary>Opens a checkpoint and verifies every shard's size and hash.</summary>
    /// <exception cref="BadInputException">It is incomplete or damaged.</exception>
    public static Checkpoint Open(string directory)
    {
        var manifest = Manifest.Read(directory);
        foreach (var shard in manifest.Shards)
        {
            Verify(Path.Combine(directory, shard.File), shard);
        }

        return new(directory, manifest);
    }

    /// <summary>Opens a checkpoint whose shards another process has verified.</summary>
    /// <exception cref="BadInputException">It is not there.</exception>
    public static Checkpoint OpenVerified(string directory) => new(directory, Manifest.Read(directory));

    /// <summary>A reader for one stage's restore: fills a tensor in place by its layout-free name, from whichever shard has it.</summary>
    public CheckpointReader Read() => new(this);

    private static void Verify(string path, Shard shard)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length != shard.Bytes)
            {
                throw new BadInputException($"{path} has {stream.Length} bytes, not the {shard.Bytes} of its manifest.");
            }

            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != shard.Sha256)
            {
                throw new BadInputException($"{path} does not have the SHA-256 of its manifest: it is damaged.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path} cannot be read: {failure.Message}", failure);
        }
    }
}

/// <summary>Reads tensors of a checkpoint by name. For one thread.</summary>
public sealed class CheckpointReader(Checkpoint checkpoint) : IDisposable
{
    private readonly Dictionary<string, string> fileOf = checkpoint.Manifest.Shards
        .SelectMany(shard => shard.Tensors.Select(tensor => (tensor, shard.File)))
        .ToDictionary(entry => entry.tensor, entry => entry.File, StringComparer.Ordinal);

    private readonly Dictionary<string, SafeTensorsFile> open = new(StringComparer.Ordinal);

    /// <exception cref="BadInputException">The checkpoint lacks the tensor, or it has another shape or type.</exception>
    public void ReadInto(string name, Tensor destination)
    {
        if (!fileOf.TryGetValue(name, out var file))
        {
            throw new BadInputException($"{checkpoint.Directory} has no tensor {name}: it is a checkpoint of another model.");
        }

        if (!open.TryGetValue(file, out var shard))
        {
            open[file] = shard = SafeTensorsFile.Open(Path.Combine(checkpoint.Directory, file));
        }

        shard.ReadInto(name, destination);
    }

    public void Dispose()
    {
        foreach (var shard in open.Values)
        {
            shard.Dispose();
        }
    }
}
