using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Evaluation;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Stages;
using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>Training on synthetic tasks: targets at some places only, and how much of them is right.</summary>
[Collection(nameof(Alone))]
public sealed class TaskRunTests : IDisposable
{
    private static readonly string[] Recall =
        ["data.kind=mqar", "data.vocabulary=16", "data.length=16", "data.pairs=2", "evaluation.every=6", "evaluation.batches=3", "optimizer.learning-rate=0.01"];

    private readonly TestRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public async Task Losses_and_accuracies_do_not_depend_on_the_layout()
    {
        await run.RunAsync([.. Recall, "parallel.stages=1"]);
        var expected = Measured();
        Assert.Equal(12, expected.Count);
        Assert.All(run.Steps, step => Assert.Equal((24, step.Step % 6 == 0), (step.Tokens, step.ValidationAccuracy is not null)));
        Assert.Contains(run.Steps, step => step.Accuracy > 0);
        foreach (var layout in (string[])["parallel.stages=2", "parallel={stages=4,schedule=zb-h1}", "parallel={stages=2,recompute=stage}", "parallel={stages=2,recompute=1,schedule=zb-v}"])
        {
            run.Steps.Clear();
            await run.RunAsync([.. Recall, layout]);
            Assert.Equal(expected, Measured());
        }
    }

    /// <summary>Only the order in which gradients add up differs, after the first step.</summary>
    [Fact]
    public async Task Replicas_count_what_is_right_together()
    {
        await run.RunAsync([.. Recall, "job.steps=1"]);
        var alone = run.Steps.Single();
        run.Steps.Clear();
        await run.RunAsync([.. Recall, "job.steps=1", "parallel={stages=2,replicas=2}"]);
        Assert.Equal((alone.Loss, alone.Accuracy, alone.SequenceAccuracy), (run.Steps.Single().Loss, run.Steps.Single().Accuracy, run.Steps.Single().SequenceAccuracy));
    }

    [Fact]
    public async Task The_accuracy_is_what_counting_by_hand_gives()
    {
        string[] job = [.. Recall, "job.steps=1", "batch.sequences=240", "model.tie-embeddings=false"];   // tied, it begins by repeating its input
        await run.RunAsync(job);
        using var plan = run.Plan(false, job);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var values = plan.Partition.Model.Parameters.ToDictionary(
            p => p.Name, p => new Parameter(p, plan.Job.Job.Seed, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        var (right, whole, loss) = (0, 0, 0.0);
        for (var m = 0; m < 4; m++)
        {
            var (inputs, targets) = (new long[60 * 16], new long[60 * 16]);
            var samples = (ISamples<long>)plan.Samples;
            samples.Read(false, 1, m, targets: false, inputs);
            samples.Read(false, 1, m, targets: true, targets);
            var pass = new Pass(plan.Job.Job.Seed, 1, m, true, ScalarType.Float32);
            var output = plan.Partition.Model.Layers.Aggregate(tensor(inputs, [60L, 16]), (value, layer) => layer.Build(values).Forward(value, pass));
            var logits = output.data<float>().ToArray();
            for (var sequence = 0; sequence < 60; sequence++)
            {
                var correct = 0;
                foreach (var place in Enumerable.Range(sequence * 16, 16).Where(place => targets[place] != Targets.Ignored))
                {
                    var row = logits[(place * 16)..((place + 1) * 16)];
                    correct += Array.IndexOf(row, row.Max()) == targets[place] ? 1 : 0;
                    loss += Math.Log(row.Sum(logit => Math.Exp(logit))) - row[targets[place]];
                }

                right += correct;
                whole += correct == 2 ? 1 : 0;
            }
        }

        var step = run.Steps.Single();
        Assert.InRange(right, 1, 479);
        Assert.Equal((right / 480.0, whole / 240.0), (step.Accuracy, step.SequenceAccuracy));
        Assert.Equal(loss / 480, step.Loss!.Value, 1e-5);   // summed in float32
    }

    [Fact]
    public async Task Evaluating_a_checkpoint_gives_the_trainings_own_numbers_to_the_last_bit()
    {
        var summary = await run.RunAsync([.. Recall, "parallel.stages=2"]);
        var last = run.Steps[^1];
        Assert.Equal(
            (last.Accuracy, last.SequenceAccuracy, last.ValidationAccuracy, last.ValidationSequenceAccuracy),
            (summary.FinalAccuracy, summary.FinalSequenceAccuracy, summary.FinalValidationAccuracy, summary.FinalValidationSequenceAccuracy));
        var happened = run.Events.Last(e => e.Kind == "evaluation");
        Assert.Equal((last.ValidationLoss, last.ValidationAccuracy, last.ValidationSequenceAccuracy), (happened.Loss, happened.Accuracy, happened.SequenceAccuracy));
        Assert.Contains(", accuracy ", happened.Message, StringComparison.Ordinal);
        foreach (var stages in new int?[] { null, 1, 4 })
        {
            using var evaluation = new EvaluationRun(Open(), null, stages, null, null);
            var result = await evaluation.RunAsync(TestContext.Current.CancellationToken);
            Assert.Equal(
                (last.ValidationLoss, last.ValidationAccuracy, last.ValidationSequenceAccuracy),
                (result.Loss, result.Measured.Accuracy, result.Measured.SequenceAccuracy));
            Assert.Equal(3L * 24, result.Tokens);
            Assert.Null(result.BitsPerByte);
        }

        Assert.Equal(
            "--data is for models of text, and this one was trained on data.kind = mqar.",
            Assert.Throws<BadInputException>(() => new EvaluationRun(Open(), ["x"], null, null, null)).Message);
        Assert.Equal(
            "--context is for models of text, and this one was trained on data.kind = mqar.",
            Assert.Throws<BadInputException>(() => new EvaluationRun(Open(), null, null, null, null, 8)).Message);
        Assert.Equal(16, Open().Vocabulary.Count);
        Assert.Null(Open().Vocabulary.Codec);   // ids go in and come out
    }

    /// <summary>exp of a loss that is not one of tokens means nothing.</summary>
    [Fact]
    public async Task There_is_a_perplexity_where_the_loss_is_of_tokens()
    {
        await run.RunAsync([.. Recall, "job.steps=1"]);
        using var tokens = new EvaluationRun(Open(), null, null, null, 1);
        var result = await tokens.RunAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Math.Exp(result.Loss), result.Perplexity);

        using var reasoner = new TestRun(null, new TrmSettings("trm", Width: 32, Context: 16, Heads: 4, NetLayers: 1));
        await reasoner.RunAsync("data.kind=sudoku", "job.steps=1", "checkpoint.every=1");
        using var sequences = new EvaluationRun(TrainedModel.Open(reasoner.Directory, Families.All, Assert.Fail), null, null, null, 1);
        result = await sequences.RunAsync(TestContext.Current.CancellationToken);
        Assert.Null(result.Perplexity);
        Assert.NotNull(result.Measured.Accuracy);
    }

    [Fact]
    public async Task A_resumed_run_goes_on_as_if_it_had_not_stopped_and_keeps_its_data()
    {
        await run.RunAsync(Recall);
        var expected = Measured();
        run.Steps.Clear();
        await run.RunAsync([.. Recall, "job.steps=6"]);
        await run.ResumeAsync([.. Recall, "parallel.stages=2"]);
        Assert.Equal(expected, Measured());
        await AssertRefused("data.kind = text", "kind = mqar");
        await AssertRefused("data.pairs = 3", "pairs = 2", [.. Recall, "data.pairs=3"]);

        async Task AssertRefused(string now, string before, params string[] overrides)
        {
            var problem = await Assert.ThrowsAsync<BadInputException>(() => run.ResumeAsync([.. overrides, "job.steps=20"]));
            Assert.StartsWith($"--resume: {now}, but ", problem.Message, StringComparison.Ordinal);
            Assert.EndsWith($" was trained with {before}; a resumed run must keep it.", problem.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Text_is_not_scored_and_every_metric_has_its_key()
    {
        await run.RunAsync("job.steps=2", "evaluation.every=2");
        Assert.All(run.Steps, step => Assert.Equal((null, null, null, null), (step.Accuracy, step.SequenceAccuracy, step.ValidationAccuracy, step.Rmse)));
        using var line = JsonDocument.Parse(File.ReadLines(Path.Combine(run.Directory, "metrics.jsonl")).First());
        Assert.All(
            (string[])["accuracy", "sequence_accuracy", "validation_accuracy", "validation_sequence_accuracy", "rmse", "validation_rmse"],
            key => Assert.Equal(JsonValueKind.Null, line.RootElement.GetProperty(key).ValueKind));
    }

    [Fact]
    public async Task A_function_is_learned_from_real_numbers()
    {
        using var line = new TestRun(model: new LineSettings("line", 2, 1, 2));
        string[] job =
        [
            "data.kind=function", "data.formula=[2*x1 - x2]", "data.points=48", "data.test-points=24",
            "batch.sequences=24", "evaluation.every=100", "evaluation.batches=1", "job.steps=300", "optimizer={learning-rate=0.03,warmup-steps=0,weight-decay=0,decay-steps=300}",
        ];
        var runs = new List<string>();
        foreach (var stages in (int[])[1, 2])
        {
            line.Steps.Clear();
            using var plan = new TrainingPlan(Path.Combine(Path.GetDirectoryName(line.DataFile)!, "job.hocon"), [.. job, $"parallel.stages={stages}"], [new Line()]);
            var summary = await TrainingRun.RunAsync(plan, new Steps(line), TestContext.Current.CancellationToken);
            Assert.Null(summary.Failure);
            Assert.True(summary.FinalValidationRmse < 0.05, $"{summary.FinalValidationRmse}");
            Assert.All(line.Steps, step => Assert.Equal((Math.Sqrt(step.Loss!.Value), 24, null), (step.Rmse!.Value, step.Tokens, step.Accuracy)));
            runs.Add(string.Join(' ', line.Steps.Select(step => $"{step.Loss:R}/{step.ValidationRmse:R}")));
        }

        Assert.Equal(runs[0], runs[1]);
        var model = TrainedModel.Open(line.Directory, [new Line()], Assert.Fail);
        using var evaluation = new EvaluationRun(model, null, null, null, null);
        var result = await evaluation.RunAsync(TestContext.Current.CancellationToken);
        Assert.Equal((line.Steps[^1].ValidationRmse, line.Steps[^1].ValidationLoss), (result.Measured.Rmse, result.Loss));
        Assert.Null(result.Perplexity);
        Assert.Contains("does not predict the next token", Assert.Throws<BadInputException>(() => model.Plan()).Message, StringComparison.Ordinal);
    }

    private TrainedModel Open() => TrainedModel.Open(run.Directory, Families.All, Assert.Fail);

    private IReadOnlyList<(long, double?, double?, double?, double?, double?, double?)> Measured() =>
    [
        .. run.Steps.Select(step => (
            step.Step, step.Loss, step.Accuracy, step.SequenceAccuracy, step.ValidationLoss, step.ValidationAccuracy, step.ValidationSequenceAccuracy)),
    ];

    private sealed class Steps(TestRun run) : IRunObserver
    {
        public void Step(StepMetrics metrics) => run.Steps.Add(metrics);

        public void Event(RunEvent happened)
        {
        }
    }

    private sealed record LineSettings(string Architecture, int Layers, int Width = 1, int Context = 1) : ModelSettings(Architecture, Layers, Width, Context);

    /// <summary>Four layers of weights without anything between.</summary>
    private sealed class Line : IArchitecture
    {
        public string Name => "line";

        public Type Settings => typeof(LineSettings);

        public ModelDefinition Define(ModelSettings settings, int vocabulary) => new(
            [
                .. new[] { (2, 4), (4, 4), (4, 4), (4, 1) }.Select((size, index) => new LayerDefinition(
                    $"layer {index}",
                    [new($"weight.{index}", [size.Item2, size.Item1], Initialization.UniformByInputs(size.Item1))],
                    default,
                    values => new Weights(values[$"weight.{index}"], index))),
            ],
            new SquaredError())
        {
            Regression = (2, 1),
            IsCausal = false,
        };
    }

    private sealed class Weights(Tensor weight, int index) : Layer
    {
        public override Tensor Forward(Tensor input, Pass pass)
        {
            Assert.Equal(index == 0 ? ScalarType.Float64 : ScalarType.Float32, input.dtype);
            return pass.Linear(input.to(pass.Compute), weight, null);
        }
    }

    private sealed class SquaredError : Objective
    {
        public override Tensor Loss(Tensor output, Tensor targets, Pass pass)
        {
            Assert.Equal(ScalarType.Float64, targets.dtype);
            return nn.functional.mse_loss(output, targets.to(output.dtype), nn.Reduction.Sum);
        }
    }
}
