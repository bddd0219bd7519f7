using Pipeline.Core.Jobs;
using Pipeline.Runtime.Jobs;
using Pipeline.Stages.Transformer;

namespace Pipeline.Runtime.Tests.Jobs;

/// <summary>A folder of its own for job files, gone after the test.</summary>
public sealed class JobFolder : IDisposable
{
    public static readonly IReadOnlyDictionary<string, Type> Architectures =
        new Dictionary<string, Type> { ["gpt2"] = typeof(Gpt2Settings) };

    /// <summary>The example of the documentation.</summary>
    public const string Quickstart = """
        job       { name = quickstart, seed = 1, steps = 300, directory = "runs/quickstart" }
        model     { architecture = gpt2, layers = 4, width = 128, heads = 4, context = 64, dropout = 0.0, bias = true, tie-embeddings = true }
        data      { files = ["../**/*.cs", "../**/*.md"], tokenizer = bytes, validation-fraction = 0.1 }      # bytes | chars | a tokenizer file
        batch     { sequences = 12, micro-batches = 4 }
        parallel  { stages = 2, schedule = 1f1b, chunks = 1, replicas = 1, threads-per-stage = 1, split = auto }
        optimizer { kind = adamw, learning-rate = 1e-3, min-learning-rate = 1e-4, warmup-steps = 100, decay-steps = 2000, betas = [0.9, 0.99], weight-decay = 0.1, clip-norm = 1.0 }
        precision { parameters = float32, compute = float32 }
        device    = cpu                                                                                  # cpu | cuda | a list such as ["cuda:0", "cuda:0"]
        evaluation { every = 100, batches = 20 }
        checkpoint { every = 100, keep = 3 }
        """;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("jobs");

    public string Path => folder.FullName;

    public string File(string content) => File(System.Text.Encoding.UTF8.GetBytes(content));

    public string File(byte[] content)
    {
        var path = System.IO.Path.Combine(Path, "x.hocon");
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }

    public JobFile Read(string content, params string[] overrides) => JobFileReader.Read(File(content), overrides, Architectures);

    public void Dispose() => folder.Delete(recursive: true);
}
