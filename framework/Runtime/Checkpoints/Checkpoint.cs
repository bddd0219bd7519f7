using System.Security.Cryptography;
using Pipeline.Core;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>A whole checkpoint on disk.</summary>
public sealed class Checkpoint
{
    private readonly TensorIndex index;

    private Checkpoint(string directory, Manifest manifest)
    {
        Directory = directory;
        Manifest = manifest;
        index = new(directory, manifest.Shards);
    }

    public string Directory { get; }

    public Manifest Manifest { get; }

    /// <summary>Opens a checkpoint and verifies every shard's size and hash, and that no piece of a tensor is missing.</summary>
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
    public CheckpointReader Read() => new(Directory, index);

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
