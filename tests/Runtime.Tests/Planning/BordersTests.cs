using Pipeline.Core;
using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Runs;
using Pipeline.Stages.Hybrid;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Planning;

/// <summary>A model whose settings have borders between stages is cut there.</summary>
public sealed class BordersTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public BordersTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 2000)));
        File.WriteAllText(folder.File("job.hocon"), $$"""
            job       { steps = 3, directory = "{{folder.File("run")}}" }
            model     { architecture = hybrid, pattern = "M-*|E", width = 16, context = 8, heads = 2, inner = 24, state = 4, mamba-head-size = 8, experts = 4 }
            data      { files = ["text.txt"], tokenizer = chars }
            batch     { sequences = 4, micro-batches = 4 }
            parallel  { stages = 2 }
            evaluation { every = 0 }
            checkpoint { every = 0 }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("3 1", "parallel.stages=2")]
    [InlineData("3 1", "parallel.stages=2", "parallel.memory-limit=1GiB")]
    [InlineData("3 1", "parallel={stages=1,schedule=interleaved-1f1b,chunks=2}")]
    [InlineData("1 1 1 1", "model.pattern=M|-|*|E", "parallel={stages=2,schedule=zb-v}")]
    [InlineData("1 3", "model.pattern=M|-*E", "parallel={stages=2,schedule=automatic,chunks=1}")]
    [InlineData("4", "model.pattern=M-*E", "parallel.stages=1")]
    // What is said explicitly counts more.
    [InlineData("1 3", "parallel.split=[1,3]")]
    [InlineData("2 2", "parallel.split=even")]
    [InlineData("4", "parallel={stages=1,split=even}")]
    public void Stages_begin_at_the_borders(string layers, params string[] overrides)
    {
        using var plan = Plan(overrides);
        Assert.Equal(layers, string.Join(' ', LayerSplit.CountsOf(plan.Partition.Model.Layers.Count, plan.Partition.Cuts)));
        Assert.Equal(layers, string.Join(' ', plan.Job.Parallel.Split));
    }

    [Theory]
    [InlineData("the number of pieces between the model's borders, which is 2, not 1 x 1; parallel.split = even or a list cuts elsewhere.", "parallel.stages=1")]
    [InlineData("the number of pieces between the model's borders, which is 2, not 2 x 2;", "parallel.schedule=zb-v")]
    [InlineData("the number of pieces between the model's borders, which is 3, not 2 x 1;", "model.pattern=M|-*|E")]
    [InlineData("parallel.chunks must be given with the schedule automatic when the model has borders of its own", "parallel.schedule=automatic")]
    [InlineData("has 1 stages, and the model's borders make 2 pieces.", "parallel={stages=1,schedule=custom,schedule-file=one.csv}", "batch.micro-batches=1")]
    [InlineData("parallel.memory-limit: the model's own borders do not let each stage fit in 1KiB", "parallel.memory-limit=1KiB")]
    [InlineData("parallel.stages must be at most the number of layers in model.pattern, which is 4, not 5.", "parallel.stages=5")]
    [InlineData("parallel.split must add up to the number of layers in model.pattern, which is 4, not 6.", "parallel.split=[2,4]")]
    [InlineData("model.pattern has \"x\" as character 3; allowed are M (Mamba-2)", "model.pattern=M-x|E")]
    [InlineData("model.layers is not a key of model", "model.layers=4")]
    public void What_does_not_fit_the_borders_is_refused(string sentence, params string[] overrides)
    {
        File.WriteAllText(folder.File("one.csv"), "0F0,0B0\n");
        Assert.Contains(sentence, Assert.Throws<BadInputException>(() => Plan(overrides).Dispose()).Message, StringComparison.Ordinal);
    }

    /// <summary>To the last bit, the routers' balance loss included.</summary>
    [Fact]
    public async Task The_cut_changes_no_result()
    {
        var expected = await LossAsync("parallel={stages=1,split=even}");
        Assert.Equal(expected, await LossAsync("parallel.stages=2"));
        Assert.Equal(expected, await LossAsync("model.pattern=M|-|*|E", "parallel={stages=2,schedule=zb-v}"));
        Assert.NotEqual(expected, await LossAsync("model.balance-coefficient=0.1"));
    }

    private async Task<double> LossAsync(params string[] overrides)
    {
        using var plan = Plan(overrides);
        var summary = await TrainingRun.RunAsync(plan, new Silent(), TestContext.Current.CancellationToken);
        Assert.Equal(3, summary.Steps);
        return summary.FinalLoss!.Value;
    }

    private TrainingPlan Plan(params string[] overrides) => new(folder.File("job.hocon"), overrides, [new HybridLanguageModel()]);

    private sealed class Silent : IRunObserver
    {
        public void Step(StepMetrics metrics)
        {
        }

        public void Event(RunEvent happened)
        {
        }
    }
}
