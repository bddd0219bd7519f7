using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.HuggingFace;

/// <summary>A small GPT-2 in Hugging Face's files, to be changed by a test.</summary>
internal sealed class ModelFolder : IDisposable
{
    public const string Weights = "model.safetensors";

    public const string Index = "model.safetensors.index.json";

    private readonly TemporaryFolder folder = new();

    public ModelFolder()
    {
        System.IO.Directory.CreateDirectory(Path);
        File.WriteAllText(FileOf("config.json"), Config);
        WriteModel();
    }

    /// <summary>With a key that nothing here knows, and a number that JSON does not have.</summary>
    public const string Config = """
        {
          "model_type": "gpt2", "n_layer": 2, "n_embd": 8, "n_head": 2, "n_positions": 16, "vocab_size": 32,
          "torch_dtype": "float32", "limit": [0.0, Infinity], "task": {"about": "NaN, \" and Infinity"}
        }
        """;

    public string Path => folder.File("model");

    public string Run => folder.File("run");

    public string Out => folder.File("out");

    public string FileOf(string name) => System.IO.Path.Combine(Path, name);

    public string Beside(string name) => folder.File(name);

    /// <summary>Of the model, by Hugging Face's names, in the caller's scope.</summary>
    public static List<(string Name, Tensor Value)> Tensors(ScalarType type = ScalarType.Float32)
    {
        var (gpt2, format) = (new Gpt2(), new Gpt2().HuggingFace);
        var tensors = new List<(string, Tensor)>();
        foreach (var definition in gpt2.Define(new Gpt2Settings("gpt2", 2, 8, 2, 16), 32).Parameters)
        {
            using var parameter = new Parameter(definition, 5, type, CPU);
            var place = format.Locate(definition.Name);
            tensors.Add((place.Name, place.Transposed ? parameter.Value.detach().t().contiguous() : parameter.Value.detach().clone()));
        }

        return tensors;
    }

    public void WriteModel(ScalarType type = ScalarType.Float32, string name = Weights)
    {
        using var scope = NewDisposeScope();
        Write(name, Tensors(type));
    }

    public void Write(string name, IReadOnlyList<(string Name, Tensor Value)> tensors) =>
        SafeTensorsWriter.Write(FileOf(name), tensors, new Dictionary<string, string> { ["format"] = "pt" });

    /// <summary>In place of the one file: as many as asked for, with an index.</summary>
    public void Shard(int files)
    {
        using var scope = NewDisposeScope();
        File.Delete(FileOf(Weights));
        var (tensors, map) = (Tensors(), new List<string>());
        for (var file = 0; file < files; file++)
        {
            var part = tensors.Where((_, index) => index % files == file).ToArray();
            Write($"part-{file}.safetensors", part);
            map.AddRange(part.Select(tensor => $"\"{tensor.Name}\": \"part-{file}.safetensors\""));
        }

        File.WriteAllText(FileOf(Index), $$$"""{"metadata": {"total_size": 1}, "weight_map": { {{{string.Join(", ", map)}}} } }""");
    }

    public HuggingFaceModel Open() => new(Path, Families.All);

    public ImportedModel Import(string precision = "float32")
    {
        using var model = Open();
        return HuggingFaceImport.Run(model, Run, precision);
    }

    public ExportedModel Export(long shardBytes = long.MaxValue, bool overwrite = false) =>
        new HuggingFaceExport(Run, Families.All).Write(Out, shardBytes, overwrite);

    /// <summary>The tensors of a folder's safetensors files, as bytes.</summary>
    public static SortedDictionary<string, string> Bytes(string folder)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in System.IO.Directory.EnumerateFiles(folder, "*.safetensors").Where(path => System.IO.Path.GetFileName(path) is not ("io.safetensors" or "grads.safetensors")))
        {
            using var file = SafeTensorsFile.Open(path);
            foreach (var (name, entry) in file.Entries)
            {
                using var scope = NewDisposeScope();
                all.Add(name, $"{entry.Type} [{string.Join(", ", entry.Shape)}] {Convert.ToHexString(file.Read(name).bytes)}");
            }
        }

        return all;
    }

    public void Dispose() => folder.Dispose();
}
