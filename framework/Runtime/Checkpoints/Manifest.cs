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
    public const int CurrentFormat = 1;

    public const string FileName = "manifest.json";

    private const long LargestFile = 64 << 20;

    private static readonly JsonSerializerOptions Options = new()
    {
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

    public void Write(string directory)
    {
        using var stream = new FileStream(Path.Combine(directory, FileName), FileMode.CreateNew);
        JsonSerializer.Serialize(stream, this, Options);
        stream.Flush(flushToDisk: true);
    }

    /// <exception cref="BadInputException">There is no readable manifest of this format.</exception>
    public static Manifest Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > LargestFile)
            {
                throw new BadInputException($"{path} is {stream.Length} bytes long; a manifest has at most {LargestFile}.");
            }

            var manifest = JsonSerializer.Deserialize<Manifest>(stream, Options) ?? throw new JsonException("it is null");
            return manifest switch
            {
                { Format: not CurrentFormat } =>
                    throw new BadInputException($"{path} has format {manifest.Format}; this version reads format {CurrentFormat}."),
                _ when manifest.Shards.Any(shard => shard.File != Path.GetFileName(shard.File) || shard.File.Length == 0) =>
                    throw new BadInputException($"{path} names a shard that is not a plain file name."),
                _ when (manifest.TokenizerFiles ?? []).Any(file => file.Path != Path.GetFileName(file.Path) || file.Path.Length == 0) =>
                    throw new BadInputException($"{path} names a tokenizer's file that is not a plain file name."),
                _ => manifest,
            };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new BadInputException($"{path} cannot be read as a manifest: {failure.Message}", failure);
        }
    }
}

/// <param name="File">A plain name beside the manifest.</param>
/// <param name="Tensors">Layout-free names of what is in it; a piece of a tensor has <c>[start:end]</c> behind the tensor's name.</param>
public sealed record Shard(string File, long Bytes, string Sha256, IReadOnlyList<string> Tensors);
