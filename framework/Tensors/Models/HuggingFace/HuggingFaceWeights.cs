using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Tensors.SafeTensors;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Models.HuggingFace;

/// <summary>The weights of a model's folder: model.safetensors, or the files that model.safetensors.index.json names. Opening reads headers alone.</summary>
public sealed class HuggingFaceWeights : IDisposable
{
    /// <summary>Where it is one file.</summary>
    public const string FileName = "model.safetensors";

    private readonly List<SafeTensorsFile> files = [];
    private readonly Dictionary<string, SafeTensorsFile> fileOf = new(StringComparer.Ordinal);

    /// <exception cref="BadInputException">There are none, a file is missing or damaged, or files and index contradict each other.</exception>
    public HuggingFaceWeights(string directory)
    {
        try
        {
            if (File.Exists(Path.Combine(directory, FileName)))
            {
                Add(directory, FileName);
            }
            else if (File.Exists(Path.Combine(directory, HuggingFaceIndex.FileName)))
            {
                AddIndexed(directory);
            }
            else
            {
                throw None(directory);
            }

            Entries = fileOf.ToDictionary(entry => entry.Key, entry => entry.Value.Entries[entry.Key], StringComparer.Ordinal);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, SafeTensorsEntry> Entries { get; }

    /// <summary>A new tensor on the CPU, the caller's to dispose.</summary>
    public Tensor Read(string name) => fileOf[name].Read(name);

    public void Dispose() => files.ForEach(file => file.Dispose());

    private void AddIndexed(string directory)
    {
        var index = HuggingFaceIndex.Read(directory);
        foreach (var file in index.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            Add(directory, file);
        }

        foreach (var (tensor, file) in index)
        {
            if (!fileOf.TryGetValue(tensor, out var found) || Path.GetFileName(found.Path) != file)
            {
                throw new BadInputException($"{Path.Combine(directory, file)} lacks the tensor {Shown(tensor)}, which {HuggingFaceIndex.FileName} says is in it.");
            }
        }
    }

    private void Add(string directory, string name)
    {
        var file = SafeTensorsFile.Open(Path.Combine(directory, name));
        files.Add(file);
        foreach (var tensor in file.Entries.Keys)
        {
            if (!fileOf.TryAdd(tensor, file))
            {
                throw new BadInputException($"{file.Path} and {fileOf[tensor].Path} both have the tensor {Shown(tensor)}.");
            }
        }
    }

    private static BadInputException None(string directory)
    {
        var pickle = Directory.EnumerateFiles(directory).Select(Path.GetFileName).Order(StringComparer.Ordinal)
            .FirstOrDefault(name => Path.GetExtension(name) is ".bin" or ".pt" or ".pth" or ".ckpt" or ".pkl");
        return new(pickle is null
            ? $"{directory} has neither {FileName} nor {HuggingFaceIndex.FileName}."
            : $"{directory} has its weights in {Shown(pickle)} alone: such files are pickles, which are code, and are not read; convert them to safetensors.");
    }

    private static string Shown(string text) => QuotedText.Shorten(QuotedText.Of(text));
}
