using System.Security.Cryptography;
using Pipeline.Core;
using Pipeline.Tensors.SafeTensors;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>The files of a checkpoint, against what its manifest says of them. Files that it does not name do no harm.</summary>
internal static class CheckpointFiles
{
    /// <summary>By whole path, with size in bytes and SHA-256.</summary>
    public static IEnumerable<(string Path, long Bytes, string Sha256)> Of(string directory, Manifest manifest) =>
    [
        .. manifest.Shards.Select(shard => (Path.Combine(directory, shard.File), shard.Bytes, shard.Sha256)),
        .. (manifest.TokenizerFiles ?? []).Select(file => (Path.Combine(directory, TokenizerFiles.Folder, file.Path), file.Bytes, file.Sha256)),
    ];

    /// <summary>What can be seen without reading any file but the manifest: those that are missing or have another size.</summary>
    /// <returns>The first of them with a sentence; null when there is none.</returns>
    public static (string Path, string Sentence)? Missing(string directory, Manifest manifest)
    {
        foreach (var (path, bytes, _) in Of(directory, manifest))
        {
            if (WrongSize(path, bytes) is { } wrong)
            {
                return (path, wrong);
            }
        }

        return null;
    }

    /// <summary>Reads every file; a sentence for each that is missing or damaged, as they are found. Where all are what the manifest says,
    /// their headers are compared with its list of tensors.</summary>
    public static IEnumerable<string> Damages(string directory, Manifest manifest)
    {
        var whole = true;
        foreach (var (path, bytes, sha256) in Of(directory, manifest))
        {
            if (Damage(path, bytes, sha256) is { } damage)
            {
                whole = false;
                yield return damage;
            }
        }

        if (whole && Contradiction(directory, manifest) is { } contradiction)
        {
            yield return contradiction;
        }
    }

    private static string? Damage(string path, long bytes, string sha256)
    {
        try
        {
            if (WrongSize(path, bytes) is { } wrong)
            {
                return wrong;
            }

            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream)) == sha256
                ? null
                : $"{path} does not have the SHA-256 of its manifest: it is damaged.";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"{path} cannot be read: {failure.Message}";
        }
    }

    private static string? WrongSize(string path, long bytes) => new FileInfo(path) switch
    {
        { Exists: false } => $"{path} is missing.",
        { Length: var length } when length != bytes => $"{path} has {length} bytes, not the {bytes} of its manifest.",
        _ => null,
    };

    /// <summary>A manifest that does not fit its shards was never written by a run.</summary>
    private static string? Contradiction(string directory, Manifest manifest)
    {
        try
        {
            _ = new TensorIndex(directory, manifest.Shards);
            foreach (var shard in manifest.Shards)
            {
                using var file = SafeTensorsFile.Open(Path.Combine(directory, shard.File));
                foreach (var name in shard.Tensors)
                {
                    if (!file.Entries.TryGetValue(name, out var entry))
                    {
                        return $"{file.Path} has no tensor {name}, which its manifest names.";
                    }

                    var part = TensorIndex.PartOf(name, shard.File).Part;
                    if (part.End - part.Start is { } elements && elements != entry.Shape.Aggregate(1L, (product, size) => product * size))
                    {
                        return $"{file.Path} has a tensor {name} of the shape [{string.Join(", ", entry.Shape)}], which is not {elements} elements.";
                    }
                }
            }

            return null;
        }
        catch (BadInputException damage)
        {
            return damage.Message;
        }
    }
}
