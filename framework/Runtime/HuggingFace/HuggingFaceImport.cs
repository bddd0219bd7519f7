using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Models.HuggingFace;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>Makes a run directory of a model in Hugging Face's files, with a checkpoint of step 0 to continue from.</summary>
public static class HuggingFaceImport
{
    /// <summary>More of the model is never in memory at once, unless a parameter is larger.</summary>
    private const long ShardBytes = 1L << 30;

    /// <param name="model">Opened.</param>
    /// <param name="output">The run directory; an earlier run there is moved aside.</param>
    /// <param name="precision">As <c>precision.parameters</c>: the type that the parameters get.</param>
    /// <exception cref="BadInputException">The weights cannot be read, or the directory is not one for a run.</exception>
    public static ImportedModel Run(HuggingFaceModel model, string output, string precision)
    {
        var source = Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Folder));
        using var directory = new RunDirectory(output);
        if ((source + Path.DirectorySeparatorChar).StartsWith(directory.Root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new BadInputException($"--output: {directory.Root} holds the model that is to be imported; choose a folder of its own.");
        }

        directory.Check(Path.Combine(source, HuggingFaceConfig.FileName));
        var job = JobOf(model, Path.GetFileName(source), output, precision);
        var text = SettingsWriter.Write(job);
        directory.Begin(text, null);

        var (checkpoint, tokenizer) = Save(model, source, job, text, new(directory.Checkpoints, job.Checkpoint.Keep));
        var happened = new RunEvent(DateTimeOffset.UtcNow, "import", 0, $"Imported from {source}.", Path: checkpoint);
        File.WriteAllText(directory.Events, JsonSerializer.Serialize(happened, RunDirectory.Json) + "\n");
        return new(model.Architecture.Name, model.Definition.ParameterCount, model.Tensors.Count, precision, directory.Root, checkpoint, [.. tokenizer.Select(file => file.Path)]);
    }

    private static (string Checkpoint, IReadOnlyList<DataFile> Tokenizer) Save(HuggingFaceModel model, string source, JobFile job, string text, CheckpointStore store)
    {
        try
        {
            var folder = store.Begin(0);
            var shards = WriteShards(model, folder, Precision.Of(job.Precision.Parameters));
            var tokenizer = TokenizerFiles.Copy(source, Path.Combine(folder, TokenizerFiles.Folder));
            return (store.Complete(new(
                Manifest.CurrentFormat,
                Step: 0,
                Epoch: 0,
                job.Job.Seed,
                TokenizerFiles.HaveTokenizer(tokenizer) ? "files" : "none",
                Characters: null,
                Data: [],
                text,
                shards,
                Vocabulary: job.Model.Vocabulary,
                HuggingFace: new(model.ConfigText, model.Tensors),
                TokenizerFiles: tokenizer.Count > 0 ? tokenizer : null)), tokenizer);
        }
        catch
        {
            store.Abandon(0);
            throw;
        }
    }

    private static JobFile JobOf(HuggingFaceModel model, string name, string output, string precision) => model.Job with
    {
        Job = new(Name: string.IsNullOrWhiteSpace(name) ? "imported" : name, Directory: output),
        Precision = new(precision),
    };

    private static IReadOnlyList<Shard> WriteShards(HuggingFaceModel model, string folder, ScalarType type)
    {
        var shards = new List<Shard>();
        foreach (var group in Groups(model.Definition.Parameters))
        {
            using var scope = NewDisposeScope();
            var file = $"weights-{shards.Count}.safetensors";
            var written = SafeTensorsWriter.Write(Path.Combine(folder, file), [.. group.Select(parameter => (parameter.Name, model.Read(parameter.Name, type)))]);
            shards.Add(new(file, written.Bytes, written.Sha256, [.. group.Select(parameter => parameter.Name)]));
        }

        return shards;
    }

    private static IEnumerable<IReadOnlyList<ParameterDefinition>> Groups(IEnumerable<ParameterDefinition> parameters)
    {
        var (group, bytes) = (new List<ParameterDefinition>(), 0L);
        foreach (var parameter in parameters)
        {
            if (group.Count > 0 && bytes + (4 * parameter.Elements) > ShardBytes)
            {
                yield return group;
                (group, bytes) = ([], 0);
            }

            group.Add(parameter);
            bytes += 4 * parameter.Elements;
        }

        yield return group;
    }
}

/// <summary>What an import made; what <c>--json</c> prints.</summary>
/// <param name="Tensors">Of the files that were read.</param>
/// <param name="Directory">The run directory.</param>
/// <param name="Tokenizer">Names of the tokenizer's files that came along.</param>
public sealed record ImportedModel(
    string Architecture, long Parameters, int Tensors, string Precision, string Directory, string Checkpoint, IReadOnlyList<string> Tokenizer);
