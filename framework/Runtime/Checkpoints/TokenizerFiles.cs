using System.Security.Cryptography;
using Pipeline.Core;
using Pipeline.Core.Data;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>The files of a model's tokenizer, which lie in a folder of their own in a checkpoint and go along with it.</summary>
public static class TokenizerFiles
{
    /// <summary>In a checkpoint.</summary>
    public const string Folder = "tokenizer";

    /// <summary>The largest public vocabularies take some tens of MiB.</summary>
    private const int LargestFile = 256 << 20;

    /// <summary>In a model's folder.</summary>
    internal static readonly IReadOnlyList<string> Names =
        ["tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];

    /// <summary>Is a tokenizer among them? The others say something about one, and are none.</summary>
    public static bool HaveTokenizer(IReadOnlyList<DataFile>? files) =>
        files?.Any(file => file.Path is "tokenizer.json" or "tokenizer.model" or "vocab.json") ?? false;

    /// <summary>Copies those that lie in a model's folder.</summary>
    /// <param name="to">Made where there are any.</param>
    /// <returns>What was copied, by plain names.</returns>
    public static IReadOnlyList<DataFile> Copy(string from, string to) =>
        [.. Names.Where(name => File.Exists(Path.Combine(from, name))).Select(name => Copy(from, to, name))];

    /// <summary>Copies a checkpoint's to another that is being written.</summary>
    /// <exception cref="IOException">One is not what the manifest says.</exception>
    internal static void Carry(IReadOnlyList<DataFile> files, string from, string to)
    {
        foreach (var file in files)
        {
            if (Copy(Path.Combine(from, Folder), Path.Combine(to, Folder), file.Path) != file)
            {
                throw new IOException($"{Path.Combine(from, Folder, file.Path)} does not have the SHA-256 of its manifest: it is damaged.");
            }
        }

        if (files.Count > 0)
        {
            DirectorySync.Flush(Path.Combine(to, Folder));
        }
    }

    private static DataFile Copy(string from, string to, string name)
    {
        var bytes = BoundedFile.Read(Path.Combine(from, name), LargestFile);
        Directory.CreateDirectory(to);
        using var file = new FileStream(Path.Combine(to, name), FileMode.Create);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
        return new(name, bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }
}
