using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Jobs;
using Pipeline.Stages;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Transformer;

namespace Pipeline.Runtime.Tests.Jobs;

public sealed class JobFileReaderTests : IDisposable
{
    private readonly JobFolder folder = new();

    [Fact]
    public void The_documented_example_has_the_values_it_shows()
    {
        var job = folder.Read(JobFolder.Quickstart);
        Assert.Equal(new JobSettings("quickstart", 1, 300, "runs/quickstart"), job.Job);
        Assert.Equal(new Gpt2Settings("gpt2", 4, 128, 4, 64, 0.0, true, true), job.Model);
        Assert.Equal(["../**/*.cs", "../**/*.md"], ((TextDataSettings)job.Data).Files);
        Assert.Equal(("bytes", 0.1), (((TextDataSettings)job.Data).Tokenizer, ((TextDataSettings)job.Data).ValidationFraction));
        Assert.Equal(new BatchSettings(12, 4), job.Batch);
        Assert.Equal((2, "1f1b", 1, 1, 1),
            (job.Parallel.Stages, job.Parallel.Schedule, job.Parallel.Chunks, job.Parallel.Replicas, job.Parallel.ThreadsPerStage));
        Assert.Equal(["auto"], job.Parallel.Split);
        Assert.Equal([0.9, 0.99], job.Optimizer.Betas);
        Assert.Equal(("adamw", 1e-3, 1e-4, 100, 2000, 0.1, 1.0), (job.Optimizer.Kind, job.Optimizer.LearningRate,
            job.Optimizer.MinLearningRate, job.Optimizer.WarmupSteps, job.Optimizer.DecaySteps, job.Optimizer.WeightDecay, job.Optimizer.ClipNorm));
        Assert.Equal(new PrecisionSettings("float32", "float32"), job.Precision);
        Assert.Equal(["cpu"], job.Device);
        Assert.Equal(new EvaluationSettings(100, 20), job.Evaluation);
        Assert.Equal(new CheckpointSettings(100, 3), job.Checkpoint);
    }

    [Fact]
    public void The_job_as_resolved_reads_as_the_same_job()
    {
        var written = SettingsWriter.Write(folder.Read(JobFolder.Quickstart, "device=cuda:0,cuda:1", "parallel.split=1,3"));
        Assert.Equal(written, SettingsWriter.Write(folder.Read(written)));
    }

    [Fact]
    public void The_last_override_of_a_key_wins()
    {
        var job = folder.Read(JobFolder.Quickstart, "job.steps=5", "job.steps=7", "optimizer.betas=0.5,0.6", "data.files=[a,\"b c\"]",
            "batch={sequences=4,micro-batches=2}", "model.bias=false");
        Assert.Equal(7, job.Job.Steps);
        Assert.Equal([0.5, 0.6], job.Optimizer.Betas);
        Assert.Equal(["a", "b c"], ((TextDataSettings)job.Data).Files);
        Assert.Equal(new BatchSettings(4, 2), job.Batch);
        Assert.False(((Gpt2Settings)job.Model).Bias);
    }

    /// <summary>Keys that only the file's own architecture has go; what is nobody's, or was set beside the architecture, is still refused.</summary>
    [Fact]
    public void Another_architecture_takes_those_of_the_files_keys_that_it_has()
    {
        Assert.Equal(new LlamaSettings("llama", 4, 128, 4, 64, TieEmbeddings: true), Read(JobFolder.Quickstart, "model.architecture=llama").Model);
        Assert.Equal(new MambaSettings("mamba", 4, 128, 64, State: 8, Bias: true), Read(JobFolder.Quickstart, "model.state=8", "model.architecture=mamba").Model);
        Assert.StartsWith(
            "--set: model.heads is not a key of model", Refusal(JobFolder.Quickstart, "model.architecture=mamba", "model.heads=4"), StringComparison.Ordinal);
        Assert.Contains(
            ": model.hads is not a key of model", Refusal($"{JobFolder.Quickstart}\nmodel.hads = 4", "model.architecture=mamba"), StringComparison.Ordinal);
        Assert.Contains(
            ": model.heads is not a key of model",
            Refusal(JobFolder.Quickstart.Replace("architecture = gpt2", "architecture = mamba", StringComparison.Ordinal)),
            StringComparison.Ordinal);

        string Refusal(string text, params string[] overrides) => Assert.Throws<BadInputException>(() => Read(text, overrides)).Message;

        JobFile Read(string text, params string[] overrides) => JobFileReader.Parse(
            text, "job.hocon", overrides, Families.All.ToDictionary(family => family.Name, family => family.Settings, StringComparer.Ordinal));
    }

    [Fact]
    public void A_line_appended_to_a_job_file_wins() =>
        Assert.Equal(7, folder.Read($"{JobFolder.Quickstart}\njob.steps = 7\n").Job.Steps);

    [Theory]
    [InlineData("/a b/c.txt")]
    [InlineData("../x[1]/*.cs")]
    [InlineData("C:\\data\\x.txt")]
    [InlineData("a#b//c=${d}")]
    [InlineData("\"/a,b/c d.txt\"")]
    public void A_path_is_one_path(string path) =>
        Assert.Equal([path.Trim('"')], ((TextDataSettings)folder.Read(JobFolder.Quickstart, $"data.files={path}").Data).Files);

    public static TheoryData<string> Examples => [.. ExampleFiles().DefaultIfEmpty("")];

    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_shipped_example_is_a_job(string path)
    {
        Assert.SkipWhen(path.Length == 0, "examples/ has no job file.");
        JobFileReader.Read(path, [], Families.All.ToDictionary(family => family.Name, family => family.Settings, StringComparer.Ordinal));
    }

    public void Dispose() => folder.Dispose();

    private static IEnumerable<string> ExampleFiles()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Pipeline.sln")))
        {
            root = root.Parent ?? throw new DirectoryNotFoundException("No folder above the tests holds Pipeline.sln.");
        }
        var examples = Path.Combine(root.FullName, "examples");
        return Directory.Exists(examples) ? Directory.EnumerateFiles(examples, "*.hocon").Order(StringComparer.Ordinal) : [];
    }
}
