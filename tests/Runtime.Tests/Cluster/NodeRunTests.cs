using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Cluster;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.StandIns;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Tests.Cluster;

/// <summary>What a node checks before it takes part in a run.</summary>
public sealed class NodeRunTests : IDisposable
{
    private readonly TestRun run = new();
    private readonly TrainingPlan plan;
    private readonly StorageProbe probe;

    public NodeRunTests()
    {
        plan = run.Plan(false, "parallel.stages=4", "parallel.split=even");
        probe = new(run.Directory);
    }

    public void Dispose()
    {
        probe.Dispose();
        plan.Dispose();
        run.Dispose();
    }

    [Fact]
    public void A_node_builds_the_submitters_plan_again()
    {
        using var opened = Open(Message(0, 3));
        var stages = opened.Setup(null!).Plan([0, 3], 0, null);
        Assert.Equal(SettingsWriter.Write(plan.Job), SettingsWriter.Write(stages.Job));
        Assert.Equal(plan.Schedule.ToCsv(), stages.Schedule.ToCsv());
        Assert.Equal(plan.Partition.Cuts, stages.Partition.Cuts);
        Assert.NotNull(stages.Samples);
        Assert.Equal(["test: stage 0", "test: stage 3"], opened.On("cpu"));
    }

    [Fact]
    public void A_missing_or_changed_file_of_the_data_is_named()
    {
        File.AppendAllText(run.DataFile, "more");
        Assert.Equal($"data.files: {run.DataFile} is not the file that the run has: its content differs.", Problem(Message(0)));
        File.Move(run.DataFile, run.DataFile + ".away");
        Assert.Contains(run.DataFile, Problem(Message(3)), StringComparison.Ordinal);
        using var middle = Open(Message(1, 2));
        Assert.Null(middle.Setup(null!).Plan([1, 2], 0, null).Samples);
    }

    [Fact]
    public void A_node_between_first_and_last_stage_reads_data_where_documents_count()
    {
        var job = plan.Job with { Data = (TextDataSettings)plan.Job.Data with { ResetAtDocuments = true } };
        using var middle = Open(Message(1, 2) with { Job = SettingsWriter.Write(job) });
        Assert.NotNull(middle.Setup(null!).Plan([1, 2], 0, null).Samples);
    }

    [Fact]
    public void Another_tokenizer_is_refused() => Assert.Equal(
        "data.tokenizer: chars is chars here, and the run has tokenizer.json sha256:12.", Problem(Message(0) with { Tokenizer = "tokenizer.json sha256:12" }));

    [Fact]
    public void Another_model_is_refused()
    {
        Assert.Equal("there is no architecture gpt2 here; there are stand-in.", Problem(Message(0), new StandInArchitecture()));
        Assert.StartsWith("the architecture gpt2 makes other layers", Problem(Message(0) with { ModelHash = "x" }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_directory_on_other_storage_is_refused() =>
        Assert.Contains("must lie on storage that all nodes reach", Problem(Message(0) with { Probe = "/no/such/probe" }), StringComparison.Ordinal);

    private static string Problem(PrepareRun message, IArchitecture? architecture = null) =>
        Assert.Throws<BadInputException>(() => Open(message, architecture)).Message;

    private static NodeRun Open(PrepareRun message, IArchitecture? architecture = null) => new(message, [architecture ?? new Gpt2()]);

    private PrepareRun Message(params int[] workers) => new(
        Guid.NewGuid(),
        0,
        SettingsWriter.Write(plan.Job),
        "gpt2",
        plan.Folder,
        plan.Schedule.Name,
        plan.Schedule.ToCsv(),
        plan.Data.Files,
        plan.Vocabulary,
        ModelHash.Of(plan.Partition.Model),
        null,
        probe.Path,
        workers.ToDictionary(worker => worker, _ => "cpu"));
}
