using System.CommandLine;
using System.Globalization;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Stages.Transformer;
using static TorchSharp.torch;

namespace Pipeline.Benchmarks;

/// <summary>What the runtime itself costs: the real coordinator, actors and messages around stages that compute nothing.</summary>
internal static class OverheadBenchmark
{
    public static Command Create()
    {
        var job = new Argument<string>("JOB");
        var stages = new Option<int>("--stages") { DefaultValueFactory = _ => 2 };
        var microBatches = new Option<int>("--micro-batches") { DefaultValueFactory = _ => 32 };
        var command = new Command("overhead", "Microseconds of runtime an action, with empty stages.") { job, stages, microBatches };
        command.SetAction((parsed, stop) =>
            RunAsync(parsed.GetRequiredValue(job), parsed.GetValue(stages), parsed.GetValue(microBatches), stop));
        return command;
    }

    private static async Task RunAsync(string job, int stages, int microBatches, CancellationToken stop)
    {
        var directory = Directory.CreateTempSubdirectory("pipeline-benchmark-");
        string[] set =
        [
            $"job.directory={Path.Combine(directory.FullName, "run")}", "job.steps=2000", $"parallel.stages={stages}", $"model.layers={stages}",
            $"batch.sequences={microBatches}", $"batch.micro-batches={microBatches}", "evaluation.every=0", "checkpoint.every=0",
        ];
        using var plan = new TrainingPlan(job, set, [new Gpt2()]);
        var observer = new StepTimes();
        await TrainingRun.RunAsync(plan, stage => new EmptyStage(stage == 0, stage == stages - 1), observer, stop);
        directory.Delete(recursive: true);
        var step = Figures.Median(observer.Seconds);
        // A rank runs 2 m actions a step, and all ranks share the cores.
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{stages} stages, {microBatches} micro-batches: step {step * 1e6:F0} us, {step * 1e6 / (2 * microBatches):F2} us an action of a rank"));
    }

    private sealed class StepTimes : IRunObserver
    {
        public List<double> Seconds { get; } = [];

        public void Step(StepMetrics metrics) => Seconds.Add(metrics.StepSeconds);

        public void Event(RunEvent happened)
        {
        }
    }

    /// <summary>Hands over one number and keeps nothing.</summary>
    private sealed class EmptyStage(bool first, bool last) : IStageExecutor
    {
        public int InFlight => 0;

        public Tensor? Forward(long step, int microBatch, Tensor? input) => Pass(input, last);

        public Tensor? Backward(int microBatch, Tensor? gradient) => Pass(gradient, first);

        public Tensor? Evaluate(int batch, int microBatch, Tensor? input) => Pass(input, last);

        public double TakeLoss() => 1;

        public Tensor TakeTiedGradient(TiedCopy copy) => Zero();

        public void AddTiedGradient(TiedCopy copy, Tensor gradient) => gradient.Dispose();

        public Tensor TiedValue(TiedCopy copy) => Zero();

        public void SetTiedValue(TiedCopy copy, Tensor value) => value.Dispose();

        public IReadOnlyList<KeyValuePair<string, double>> GradientSquares() => [];

        public void Apply(long step, double? gradientScale)
        {
        }

        public IReadOnlyList<(string Name, Tensor Value)> State() => [];

        public void Restore(Action<string, Tensor> read)
        {
        }

        public void Dispose()
        {
        }

        private static Tensor? Pass(Tensor? input, bool end)
        {
            input?.Dispose();
            return end ? null : Zero();
        }

        private static Tensor Zero() => zeros(1).DetachFromDisposeScope();
    }
}
