using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>Writes a checkpoint's model as Hugging Face's files. An imported one gets its names, types and config.json back.</summary>
public sealed class HuggingFaceExport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };   // transformers refuses files without it

    private readonly Checkpoint checkpoint;
    private readonly JobFile job;
    private readonly IArchitecture architecture;
    private readonly IHuggingFaceFormat format;
    private readonly int vocabulary;
    private readonly IReadOnlyDictionary<string, ParameterDefinition> parameters;
    private readonly ScalarType stored;

    /// <param name="path">A checkpoint, or a run directory, whose newest is taken.</param>
    /// <param name="passedOver">Told of each newer checkpoint that is damaged.</param>
    /// <exception cref="BadInputException">There is none, it is damaged, or Hugging Face has no such model.</exception>
    public HuggingFaceExport(string path, IReadOnlyList<IArchitecture> architectures, Action<string>? passedOver = null)
    {
        checkpoint = Checkpoint.Find(path, passedOver);
        var settings = architectures.ToDictionary(known => known.Name, known => known.Settings, StringComparer.Ordinal);
        job = JobFileReader.Parse(checkpoint.Manifest.Job, checkpoint.Directory, [], settings);
        architecture = architectures.First(known => known.Name == job.Model.Architecture);
        format = architecture.HuggingFace ?? throw new BadInputException(
            $"Hugging Face has no model like the architecture {architecture.Name}; it has those of "
            + $"{string.Join(", ", architectures.Where(known => known.HuggingFace is not null).Select(known => known.Name))}.");
        vocabulary = checkpoint.Manifest.Rows(job.Model);
        parameters = architecture.Define(job.Model, vocabulary).Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        stored = Precision.Of(job.Precision.Parameters);
    }

    /// <param name="directory">A new or an empty folder.</param>
    /// <param name="shardBytes">Weights of more than this go into several files with an index; a tensor is never cut.</param>
    /// <param name="overwrite">The folder may have files: those of an earlier model are replaced, all others stay.</param>
    /// <exception cref="BadInputException">The folder has files, or cannot be written.</exception>
    public ExportedModel Write(string directory, long shardBytes, bool overwrite)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        if (File.Exists(target) || (!overwrite && Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
        {
            throw new BadInputException($"{directory} {(File.Exists(target) ? "is a file" : "is not empty; --overwrite replaces a model that is there")}.");
        }

        var aside = $"{target}.{Guid.NewGuid():N}.partial";
        try
        {
            Directory.CreateDirectory(aside);
            var files = WriteWeights(aside, shardBytes);
            File.WriteAllText(Path.Combine(aside, HuggingFaceConfig.FileName), Config());
            var tokenizer = Directory.Exists(Path.Combine(checkpoint.Directory, TokenizerFiles.Folder))
                ? TokenizerFiles.Copy(Path.Combine(checkpoint.Directory, TokenizerFiles.Folder), aside) : [];
            Move(aside, target);
            return new(
                architecture.Name, checkpoint.Manifest.Step, parameters.Values.Sum(parameter => parameter.Elements), target, checkpoint.Directory, files,
                [.. tokenizer.Select(file => file.Path)]);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{directory} cannot be written: {problem.Message.TrimEnd('.')}.", problem);
        }
        finally
        {
            if (Directory.Exists(aside))
            {
                Directory.Delete(aside, recursive: true);
            }
        }
    }

    private string Config() => checkpoint.Manifest switch
    {
        { HuggingFace: null } => ExportConfig.New(format, job.Model, vocabulary, FloatType.Name(stored)),
        { IsImport: true, HuggingFace: var origin } => origin.Config,
        { HuggingFace: var origin } => ExportConfig.Retyped(origin.Config, FloatType.Name(stored)),
    };

    /// <summary>What becomes of each parameter. An imported model that was not trained gets the types it had, which is exact.</summary>
    private IReadOnlyList<(string Name, ScalarType Type, ParameterDefinition Parameter)> Tensors()
    {
        var origin = checkpoint.Manifest.HuggingFace?.Tensors
            ?? [.. parameters.Keys.Select(parameter => new OriginTensor(format.Locate(parameter).Name, FloatType.Word(stored)!, parameter))];
        if (!parameters.Keys.ToHashSet(StringComparer.Ordinal).SetEquals(origin.Select(tensor => tensor.Parameter)))
        {
            throw new BadInputException($"{checkpoint.Directory} has a manifest whose list of imported tensors is not that of its model.");
        }

        return
        [
            .. origin.Select(tensor => (
                tensor.Name,
                checkpoint.Manifest.IsImport ? FloatType.Parse(tensor.Type) ?? stored : stored,
                parameters[tensor.Parameter])),
        ];
    }

    private IReadOnlyList<string> WriteWeights(string folder, long shardBytes)
    {
        var shards = Shards(Tensors(), shardBytes);
        using var reader = checkpoint.Read();
        if (shards is [var only])
        {
            Write(reader, Path.Combine(folder, HuggingFaceWeights.FileName), only);
            return [HuggingFaceWeights.FileName];
        }

        var (files, map) = (new List<string>(), new JsonObject());
        foreach (var shard in shards)
        {
            files.Add(string.Create(CultureInfo.InvariantCulture, $"model-{files.Count + 1:D5}-of-{shards.Count:D5}.safetensors"));
            Write(reader, Path.Combine(folder, files[^1]), shard);
            foreach (var (name, _, _) in shard)
            {
                map[name] = files[^1];
            }
        }

        var total = shards.SelectMany(shard => shard).Sum(tensor => FloatType.Size(tensor.Type) * tensor.Parameter.Elements);
        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, [HuggingFaceIndex.MapKey] = map };
        File.WriteAllText(Path.Combine(folder, HuggingFaceIndex.FileName), index.ToJsonString(Indented) + "\n");
        return [.. files, HuggingFaceIndex.FileName];
    }

    private static List<List<(string Name, ScalarType Type, ParameterDefinition Parameter)>> Shards(
        IReadOnlyList<(string Name, ScalarType Type, ParameterDefinition Parameter)> tensors, long shardBytes)
    {
        var (shards, room) = (new List<List<(string, ScalarType, ParameterDefinition)>>(), 0L);
        foreach (var tensor in tensors)
        {
            var bytes = FloatType.Size(tensor.Type) * tensor.Parameter.Elements;
            if (shards.Count == 0 || bytes > room)
            {
                shards.Add([]);
                room = shardBytes;
            }

            shards[^1].Add(tensor);
            room -= bytes;
        }

        return shards;
    }

    private void Write(CheckpointReader reader, string path, IReadOnlyList<(string Name, ScalarType Type, ParameterDefinition Parameter)> tensors)
    {
        using var scope = NewDisposeScope();
        SafeTensorsWriter.Write(path, [.. tensors.Select(tensor => (tensor.Name, Value(reader, tensor.Type, tensor.Parameter)))], Metadata);
    }

    private Tensor Value(CheckpointReader reader, ScalarType type, ParameterDefinition parameter)
    {
        var value = empty([.. parameter.Shape], stored);
        reader.ReadTrainedInto(parameter.Name, value);
        return (format.Locate(parameter.Name).Transposed ? value.t() : value).to(type).contiguous();
    }

    /// <summary>A new folder appears whole. In one that has files, nothing of the earlier model stays that a reader could take for this one's.</summary>
    private static void Move(string aside, string target)
    {
        if (!Directory.Exists(target) || !Directory.EnumerateFileSystemEntries(target).Any())
        {
            if (Directory.Exists(target))
            {
                Directory.Delete(target);
            }

            Directory.Move(aside, target);
            return;
        }

        string[] named = [.. TokenizerFiles.Names, HuggingFaceDump.IoFile, HuggingFaceDump.GradientsFile];
        foreach (var old in Directory.EnumerateFiles(target, "model*.safetensors*").Concat(named.Select(name => Path.Combine(target, name))).ToArray())
        {
            File.Delete(old);   // nothing where it is not there
        }

        foreach (var file in Directory.EnumerateFiles(aside))
        {
            File.Move(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        }
    }
}

/// <summary>What an export wrote; what <c>--json</c> prints.</summary>
/// <param name="Step">Of the checkpoint.</param>
/// <param name="Files">Of the weights.</param>
/// <param name="Tokenizer">Names of the tokenizer's files that came along.</param>
public sealed record ExportedModel(
    string Architecture, long Step, long Parameters, string Directory, string Checkpoint, IReadOnlyList<string> Files, IReadOnlyList<string> Tokenizer);
