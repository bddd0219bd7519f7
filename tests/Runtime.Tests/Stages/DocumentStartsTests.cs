using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

/// <summary>What layers are told of the documents in a micro-batch.</summary>
public sealed class DocumentStartsTests : IDisposable
{
    private readonly TestRun run = new();
    private readonly List<Tensor?> seen = [];

    public DocumentStartsTests()
    {
        for (var i = 0; i < 100; i++)
        {
            File.WriteAllText(Path.Combine(Path.GetDirectoryName(run.DataFile)!, $"z{i}.txt"), $"ist {i}");
        }
    }

    public void Dispose() => run.Dispose();

    [Theory]
    [InlineData("none")]
    [InlineData("stage")]
    [InlineData("2")]
    public void Every_layer_is_told_as_long_as_the_micro_batch_lives(string recompute)
    {
        using var plan = Plan("data.reset-at-documents=true", "parallel.stages=2", $"parallel.recompute={recompute}");
        using (var first = plan.Stages.CreateExecutor(0, 0, CPU))
        using (var last = plan.Stages.CreateExecutor(1, 1, CPU))
        {
            last.Forward(1, 2, first.Forward(1, 2, null));
            Assert.Equal(plan.Partition.Model.Layers.Count, seen.Count);
            AssertSeen(plan, validation: false, 1, 2);
            first.InputGradient(2, last.InputGradient(2, null));
            AssertSeen(plan, validation: false, 1, 2);
            first.WeightGradient(2);
            last.WeightGradient(2);
            Assert.All(seen, starts => Assert.True(starts!.IsInvalid));
            seen.Clear();
            last.Forward(1, 3, first.Forward(1, 3, null));
        }

        Assert.All(seen, starts => Assert.True(starts!.IsInvalid));
    }

    [Fact]
    public void Evaluation_is_told_too()
    {
        using var plan = Plan("data.reset-at-documents=true", "parallel.stages=1", "evaluation.every=1");
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        using (NewDisposeScope())
        {
            Check = () => AssertSeen(plan, validation: true, 1, 3);
            executor.Evaluate(1, 3, 0, null);
        }

        Assert.NotEmpty(seen);
        Assert.All(seen, starts => Assert.True(starts!.IsInvalid));
    }

    [Fact]
    public void Nothing_is_told_where_nobody_asks()
    {
        using var plan = Plan("parallel.stages=1");
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        executor.Forward(1, 0, null);
        Assert.All(seen, Assert.Null);
    }

    /// <summary>Called after each layer.</summary>
    private Action? Check { get; set; }

    private TrainingPlan Plan(params string[] overrides) =>
        new(Path.Combine(Path.GetDirectoryName(run.DataFile)!, "job.hocon"), ["data.files=z*.txt", "parallel.split=even", .. overrides], [new Observed(this)]);

    private void AssertSeen(TrainingPlan plan, bool validation, long batch, int microBatch)
    {
        var expected = new bool[plan.Samples.TargetsPerMicroBatch];
        plan.Samples.ReadStarts(validation, batch, microBatch, expected);
        Assert.Contains(true, expected);
        Assert.All(seen, starts =>
        {
            Assert.Equal((ScalarType.Bool, 3, 16), (starts!.dtype, starts.shape[0], starts.shape[1]));
            Assert.Equal(expected, starts.data<bool>().ToArray());
        });
    }

    /// <summary>GPT-2 whose layers note what they are told.</summary>
    private sealed class Observed(DocumentStartsTests test) : IArchitecture
    {
        private readonly Gpt2 inner = new();

        public string Name => inner.Name;

        public Type Settings => inner.Settings;

        public ModelDefinition Define(ModelSettings settings, int vocabulary)
        {
            var model = inner.Define(settings, vocabulary);
            return model with { Layers = [.. model.Layers.Select(layer => layer with { Build = values => new Noting(layer.Build(values), test) })] };
        }
    }

    private sealed class Noting(Layer inner, DocumentStartsTests test) : Layer
    {
        public override Tensor Forward(Tensor input, Pass pass)
        {
            test.seen.Add(pass.DocumentStarts);
            test.Check?.Invoke();
            return inner.Forward(input, pass);
        }
    }
}
