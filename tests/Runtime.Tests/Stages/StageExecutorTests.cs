using Pipeline.Core.Data;
using Pipeline.Stages.LanguageModels;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

public class StageExecutorTests
{
    /// <summary>Four micro-batches through the executor add up to the gradient of the whole batch: only rounding differs.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_equal_those_of_one_plain_backward_over_the_whole_batch(bool tied)
    {
        using var run = new TestRun();
        using var plan = run.Plan(false, "parallel.stages=1", $"model.tie-embeddings={(tied ? "true" : "false")}");
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        for (var m = 0; m < 4; m++)
        {
            Assert.Null(executor.Forward(1, m, null));
        }

        for (var m = 0; m < 4; m++)
        {
            Assert.Null(executor.InputGradient(m, null));
            executor.WeightGradient(m);
        }

        foreach (var copy in plan.Partition.TiedCopies)
        {
            executor.AddTiedGradient(copy, executor.TakeTiedGradient(copy));
        }

        var (loss, plain) = Plain(plan);
        Assert.Equal(loss, executor.TakeLoss().Loss / (12 * 16), 1e-6 * loss);
        var gradients = executor.State().Where(entry => entry.Value.requires_grad).ToArray();
        Assert.Equal(plain.Count, gradients.Length);
        foreach (var (name, value) in gradients)
        {
            using var scope = NewDisposeScope();
            var (expected, actual) = (plain[name].grad!, value.grad!);
            var difference = (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
            Assert.True(difference <= 1e-6, $"{name} differs by {difference} of its largest element.");
        }
    }

    /// <summary>What a stage computes with after a step are the new weights: a fresh stage that is given them computes the same. In bfloat16
    /// weights are used through cast copies.</summary>
    [Theory]
    [InlineData("float32", true)]
    [InlineData("bfloat16", true)]
    [InlineData("bfloat16", false)]
    public void After_a_step_the_new_weights_count(string compute, bool tied)
    {
        using var run = new TestRun();
        using var plan = run.Plan(false, "parallel.stages=1", $"precision.compute={compute}", $"model.tie-embeddings={(tied ? "true" : "false")}", "optimizer.learning-rate=0.1", "optimizer.warmup-steps=0");
        using var trained = plan.Stages.CreateExecutor(0, 0, CPU);
        var first = Step(trained, 1);
        trained.Apply(1, 1);
        foreach (var copy in plan.Partition.TiedCopies)
        {
            trained.SetTiedValue(copy, trained.TiedValue(copy));
        }

        using var fresh = plan.Stages.CreateExecutor(0, 0, CPU);
        var state = trained.State().ToDictionary(entry => entry.Name, entry => entry.Value, StringComparer.Ordinal);
        fresh.Restore((name, value) => value.copy_(state[name]));
        var second = Step(trained, 2);
        Assert.Equal(Step(fresh, 2), second);
        Assert.NotEqual(first, second);

        double Step(StageExecutor executor, long step)
        {
            executor.Forward(step, 0, null);
            executor.InputGradient(0, null);
            executor.WeightGradient(0);
            foreach (var copy in plan.Partition.TiedCopies)
            {
                executor.AddTiedGradient(copy, executor.TakeTiedGradient(copy));
            }

            return executor.TakeLoss().Loss;
        }
    }

    [Fact]
    public void Activations_are_alive_from_forward_to_backward_only()
    {
        using var run = new TestRun();
        using var plan = run.Plan(false, "parallel.stages=1");
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        executor.Forward(1, 0, null);
        executor.Forward(1, 1, null);
        Assert.Equal(2, executor.InFlight);
        executor.InputGradient(0, null);
        Assert.Equal(2, executor.InFlight);
        executor.WeightGradient(0);
        Assert.Equal(1, executor.InFlight);
        executor.InputGradient(1, null);
        executor.WeightGradient(1);
        Assert.Equal(0, executor.InFlight);
        executor.TakeLoss();
        executor.Evaluate(0, 0, 0, null);
        Assert.Equal(0, executor.InFlight);
    }

    [Fact]
    public void A_tied_parameter_has_one_optimizer_state_and_its_copies_follow_the_owner()
    {
        using var run = new TestRun();
        using var plan = run.Plan(false, "parallel.stages=2");
        var copy = Assert.Single(plan.Partition.TiedCopies);
        Assert.Equal(("wte.weight", 1, 0), (copy.Parameter.Name, copy.Stage, copy.Owner));
        using var owner = plan.Stages.CreateExecutor(0, 0, CPU);
        using var other = plan.Stages.CreateExecutor(1, 1, CPU);
        Assert.Contains(owner.State(), entry => entry.Name == "optimizer.exp_avg.wte.weight");
        Assert.DoesNotContain(other.State(), entry => entry.Name.Contains("wte", StringComparison.Ordinal));
        Assert.Equal(plan.Partition.Model.Parameters.Count() * 3, owner.State().Count + other.State().Count);
    }

    /// <summary>The whole batch at once, through the same layers, with libtorch's own backward. A tied weight is one leaf here.</summary>
    private static (double Loss, IReadOnlyDictionary<string, Tensor> Parameters) Plain(TrainingPlan plan)
    {
        var parameters = plan.Partition.Model.Parameters.ToDictionary(
            p => p.Name, p => new Parameter(p, plan.Job.Job.Seed, ScalarType.Float32, CPU).Value, StringComparer.Ordinal);
        var (inputs, targets) = (new List<long>(), new List<long>());
        for (var m = 0; m < 4; m++)
        {
            var tokens = new long[plan.Samples.TargetsPerMicroBatch];
            ((ISamples<long>)plan.Samples).Read(false, 1, m, targets: false, tokens);
            inputs.AddRange(tokens);
            ((ISamples<long>)plan.Samples).Read(false, 1, m, targets: true, tokens);
            targets.AddRange(tokens);
        }

        var pass = new Pass(plan.Job.Job.Seed, 1, 0, true, ScalarType.Float32);
        var output = plan.Partition.Model.Layers.Aggregate(
            tensor(inputs.ToArray(), [12, 16]), (value, layer) => layer.Build(parameters).Forward(value, pass));
        var loss = TokenPrediction.Sum(output, tensor(targets.ToArray(), [12, 16])) / (12 * 16);
        loss.backward();
        return (loss.item<float>(), parameters);
    }
}
