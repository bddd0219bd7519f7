using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Optimization;

namespace Pipeline.Runtime.Checkpoints;

/// <summary>What a checkpoint is: written last, so that a checkpoint with a manifest is whole. Nothing in it depends on the layout
/// but the list of shards.</summary>
/// <param name="Step">The last step in it; the data of the next follow from seed and step.</param>
/// <param name="Tokenizer">Its name: of a tokenizer file with a hash of its content.</param>
/// <param name="Characters">The character tokenizer's table in the order of ids; null with others.</param>
/// <param name="Job">The job file as resolved.</param>
/// <param name="AccumulatesAscending">Of the schedule: in which order gradients were added up.</param>
/// <param name="InstructionSet">Of libtorch's kernels; null where an older version did not record it, and in an imported model.</param>
/// <param name="Folder">What relative paths of the data are relative to; null where an older version did not record it.</param>
/// <param name="Vocabulary">Rows of the embedding; null where an older version did not record it.</param>
/// <param name="HuggingFace">Where the model comes from, if it was imported.</param>
/// <param name="TokenizerFiles">That lie beside the weights, by plain names; null where there are none.</param>
/// <param name="Lbfgs">What the optimizer L-BFGS knows beside the stages' vectors; null with another.</param>
public sealed record Manifest(
    int Format,
    long Step,
    long Epoch,
    long Seed,
    string Tokenizer,
    string? Characters,
    IReadOnlyList<DataFile> Data,
    string Job,
    IReadOnlyList<Shard> Shards,
    bool AccumulatesAscending = true,
    string? InstructionSet = null,
    string? Folder = null,
    int? Vocabulary = null,
    HuggingFaceOrigin? HuggingFace = null,
    IReadOnlyList<DataFile>? TokenizerFiles = null,
    LbfgsState? Lbfgs = null)
{
    /// <summary>Format 1 had no SHA-256 of its own.</summary>
    public const int CurrentFormat = 2;

    public const string FileName = "manifest.json";

    private const int LargestFile = 64 << 20;

    /// <summary>The last key of the file: of all bytes before it.</summary>
    private const string SumKey = "sha256";

    private static readonly JsonSerializerOptions Options = new()
    {
        AllowDuplicateProperties = false,
        NewLine = "\n",
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
    };

    /// <summary>An imported model that has not been trained here: it has seen no data, and has no optimizer state.</summary>
    [JsonIgnore]
    public bool IsImport => HuggingFace is not null && Step == 0;

    /// <summary>Rows of the embedding.</summary>
    /// <param name="model">The job's.</param>
    /// <exception cref="BadInputException">An older version did not record it, and the tokenizer does not tell.</exception>
    public int Rows(ModelSettings model) => model.Vocabulary ?? Vocabulary ?? (Characters, Tokenizer) switch
    {
        ({ } characters, _) => characters.EnumerateRunes().Count(),
        (null, "bytes") => byte.MaxValue + 1,
        _ => throw new BadInputException("The manifest does not tell how many tokens the model has."),
    };

    /// <summary>Onto the disk, not only into the system's memory.</summary>
    /// <exception cref="IOException">It cannot be written, or would be too long to be read again.</exception>
    public void Write(string directory)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(this, Options).AsSpan()[..^2];   // without the last brace and the line end before it
        if (content.Length + Sum([]).Length > LargestFile)
        {
            throw new IOException($"{FileName} would be longer than {ByteSize.Format(LargestFile)}, which is the most that is read again.");
        }

        using var stream = new FileStream(Path.Combine(directory, FileName), FileMode.CreateNew);
        stream.Write(content);
        stream.Write(Sum(content));
        stream.Flush(flushToDisk: true);
    }

    /// <exception cref="NewerFormatException">A newer version has written it.</exception>
    /// <exception cref="BadInputException">There is no whole and readable manifest.</exception>
    public static Manifest Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            throw new BadInputException($"{directory} has no {FileName}, which is written last: the checkpoint is incomplete.");
        }

        var bytes = BoundedFile.Read(path, LargestFile);
        try
        {
            var format = JsonSerializer.Deserialize<Written>(bytes, Options)?.Format ?? throw new JsonException("it is null");
            if (format > CurrentFormat)
            {
                throw new NewerFormatException($"{path} has format {format}, which a newer version of Pipeline has written; this version reads the formats 1 to {CurrentFormat}.");
            }

            if (format < 1)
            {
                throw new BadInputException($"{path} has format {format}; this version reads the formats 1 to {CurrentFormat}.");
            }

            if (format > 1 && !IsWhole(bytes))
            {
                throw new BadInputException($"{path} does not have the SHA-256 that its last line tells: it is damaged.");
            }

            var manifest = JsonSerializer.Deserialize<Manifest>(bytes, Options)!;
            manifest.Check(path);
            return CheckpointName.NamedStepOf(directory) is not { } named || named == manifest.Step
                ? manifest
                : throw new BadInputException($"{directory} is named for step {named}, but holds step {manifest.Step}; a copy must not have a checkpoint's name.");
        }
        catch (JsonException failure)
        {
            throw new BadInputException($"{path} cannot be read as a manifest, so it is damaged: {failure.Message}", failure);
        }
    }

    private void Check(string path)
    {
        IEnumerable<object?>[] lists = [Data, Shards, TokenizerFiles ?? [], HuggingFace?.Tensors ?? [], .. Shards.Select(shard => shard?.Tensors ?? [])];
        if (lists.Any(list => list.Contains(null)))
        {
            throw new BadInputException($"{path} has a list with null in it.");
        }

        if (Shards.Any(shard => !IsPlain(shard.File) || shard.File == FileName))
        {
            throw new BadInputException($"{path} names a shard that is not a plain file name.");
        }

        if ((TokenizerFiles ?? []).Any(file => !IsPlain(file.Path)))
        {
            throw new BadInputException($"{path} names a tokenizer's file that is not a plain file name.");
        }

        // As no writer allows them in a tensor's name.
        if (Shards.Any(shard => shard.Tensors.Any(name => name.Any(char.IsControl))) || Tokenizer.Any(char.IsControl))
        {
            throw new BadInputException($"{path} has a control character in the name of a tensor or of the tokenizer.");
        }

        if (Shards.GroupBy(shard => shard.File, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Skip(1).Any()) is { } twice)
        {
            throw new BadInputException($"{path} names the shard {twice.Key} twice.");
        }

        if (Step < 0 || Epoch < 0 || Shards.Any(shard => shard.Bytes < 0))
        {
            throw new BadInputException($"{path} has a negative step, epoch or size.");
        }
    }

    private static bool IsPlain(string name) =>
        name is not ("" or "." or "..") && !name.Any(letter => letter is '/' or '\\' or ':' || char.IsControl(letter));

    private static bool IsWhole(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.Length - Sum([]).Length;
        return end >= 0 && bytes[end..].SequenceEqual(Sum(bytes[..end]));
    }

    /// <summary>The end of a file whose other bytes are these.</summary>
    private static ReadOnlySpan<byte> Sum(ReadOnlySpan<byte> content) =>
        Encoding.UTF8.GetBytes($",\n  \"{SumKey}\": \"{Convert.ToHexStringLower(SHA256.HashData(content))}\"\n}}\n");

    /// <summary>What the manifests of all formats have.</summary>
    private sealed record Written(int Format);
}

/// <param name="File">A plain name beside the manifest.</param>
/// <param name="Tensors">Layout-free names of what is in it; a piece of a tensor has <c>[start:end]</c> behind the tensor's name.</param>
public sealed record Shard(string File, long Bytes, string Sha256, IReadOnlyList<string> Tensors);
