using Pipeline.Core.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Stages;

/// <summary>A mixture of experts, with a loss of its own, as a stage runs it.</summary>
public sealed class MixtureOfExpertsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Recompute_gives_the_same_bits()
    {
        var plain = Gradients("parallel.recompute=none");
        Assert.Contains(plain, gradient => gradient.Key.Contains("experts.7", StringComparison.Ordinal));
        Assert.Equal(0, plain["moe.router.expert_bias"].Sum());
        Assert.Contains(plain["moe.router.expert_bias"], excess => excess != 0);   // counted in the backward: once, however often the forward runs
        Assert.All(["stage", "1"], rule => Assert.Equal(plain, Gradients($"parallel.recompute={rule}")));
    }

    /// <summary>A local loss that counts once for each micro-batch's share counts once for the step.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_shares_of_the_micro_batches_add_up_to_one(int microBatches) =>
        Assert.Equal([1, 1, 1], Gradients($"batch.micro-batches={microBatches}")["probe"]);

    /// <summary>Of a step, by parameter.</summary>
    private Dictionary<string, float[]> Gradients(params string[] overrides)
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 2000)));
        File.WriteAllText(folder.File("job.hocon"), """
            model     { architecture = experts, layers = 1, width = 8, context = 4 }
            data      { files = ["text.txt"] }
            batch     { sequences = 4, micro-batches = 2 }
            evaluation { every = 0 }
            """);
        using var scope = NewDisposeScope();
        using var plan = new TrainingPlan(folder.File("job.hocon"), overrides, [new Experts()]);
        using var executor = plan.Stages.CreateExecutor(0, 0, CPU);
        var count = plan.Stages.Job.Batch.MicroBatches;
        for (var microBatch = 0; microBatch < count; microBatch++)
        {
            executor.Forward(1, microBatch, null);
        }

        for (var microBatch = 0; microBatch < count; microBatch++)
        {
            executor.InputGradient(microBatch, null);
            executor.WeightGradient(microBatch);
        }

        Assert.NotEmpty(executor.GradientSquares());   // no expert is without a gradient
        return executor.State().Where(entry => entry.Value.requires_grad)
            .ToDictionary(entry => entry.Name, entry => entry.Value.grad!.data<float>().ToArray(), StringComparer.Ordinal);
    }

    private sealed record ExpertsSettings(string Architecture, int Layers, int Width, int Context, int? Vocabulary = null)
        : ModelSettings(Architecture, Layers, Width, Context, Vocabulary);

    private sealed class Experts : IArchitecture
    {
        public string Name => "experts";

        public Type Settings => typeof(ExpertsSettings);

        public ModelDefinition Define(ModelSettings settings, int vocabulary)
        {
            var (start, mixture) = (Initialization.Normal(1), new MixtureOfExpertsSettings(settings.Width, 5, 8, 2, 0.5, 0.01));
            return new(
                [
                    TokenEmbedding.Define("tokens", vocabulary, settings.Width, settings.Context, start),
                    new(
                        "block",
                        [.. MixtureOfExperts.Parameters(mixture, "moe", start, start), new("probe", [3], Initialization.Constant(1))],
                        MixtureOfExperts.Cost(mixture, settings.Context),
                        parameters => new Block(new(mixture, "moe", parameters), parameters["probe"])),
                    LanguageModelHead.Define("norm", 1e-5, "head", vocabulary, settings.Width, settings.Context, start),
                ],
                TokenPrediction.Instance);
        }
    }

    private sealed class Block(MixtureOfExperts mixture, Tensor probe) : Layer
    {
        public override Tensor Forward(Tensor input, Pass pass)
        {
            var output = mixture.Forward(input, pass);
            return pass.Training && is_grad_enabled() ? LocalLoss.Attach(output, probe.sum(), pass.LossShare) : output;
        }
    }
}
