using System.Text.Json;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Stages;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tests;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>Small real runs in a folder of their own.</summary>
internal sealed class TestRun : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly IReadOnlyList<IArchitecture> families;

    /// <param name="text">The data; some made-up text without it.</param>
    /// <param name="model">A small GPT-2 without it.</param>
    /// <param name="family">The model's, where it is not one that comes with the framework.</param>
    public TestRun(string? text = null, ModelSettings? model = null, IArchitecture? family = null)
    {
        families = family is null ? Families.All : [family];
        File.WriteAllText(folder.File("text.txt"), text ?? string.Join(' ', Enumerable.Range(0, 4000).Select(i => $"{i * 7919 % 1000} ist {i % 17}")));
        File.WriteAllText(folder.File("job.hocon"), $$"""
            job       { name = test, seed = 3, steps = 12, directory = "{{Directory}}" }
            model     { {{SettingsWriter.Write(model ?? new Gpt2Settings("gpt2", Layers: 4, Width: 32, Heads: 2, Context: 16)).Trim().ReplaceLineEndings(", ")}} }
            data      { files = ["text.txt"], tokenizer = chars }
            batch     { sequences = 12, micro-batches = 4 }
            optimizer { warmup-steps = 5 }
            evaluation { every = 0 }
            checkpoint { every = 0 }
            """);
    }

    public string Directory => folder.File("run");

    /// <summary>Faults, as <c>--inject</c> takes them.</summary>
    public IReadOnlyList<string> Inject { get; set; } = [];

    public string DataFile => folder.File("text.txt");

    public List<StepMetrics> Steps { get; } = [];

    public List<RunEvent> Events { get; } = [];

    /// <summary>Called with each step's metrics on the coordinator's thread.</summary>
    public Action<StepMetrics>? OnStep { get; set; }

    public TrainingPlan Plan(bool resume, params string[] overrides) => Plan(resume ? ResumePoint.Latest : null, overrides);

    /// <param name="resume">As <c>--resume</c> has it; null to start anew.</param>
    public TrainingPlan Plan(string? resume, params string[] overrides) => new(folder.File("job.hocon"), overrides, families, resume, inject: Inject);

    public Task<RunSummary> RunAsync(params string[] overrides) => RunAsync(false, overrides, null, CancellationToken.None);

    public Task<RunSummary> ResumeAsync(params string[] overrides) => RunAsync(true, overrides, null, CancellationToken.None);

    /// <param name="resume">As <c>--resume</c> has it.</param>
    public async Task<RunSummary> ResumeFromAsync(string resume, params string[] overrides)
    {
        using var plan = Plan(resume, overrides);
        return await TrainingRun.RunAsync(plan, new Observer(this), CancellationToken.None);
    }

    /// <param name="wrap">Puts something around a stage's executor.</param>
    public Task<RunSummary> RunAsync(bool resume, string[] overrides, Func<int, IStageExecutor, IStageExecutor>? wrap, CancellationToken stop) =>
        RunReplicasAsync(resume, overrides, (_, stage, executor) => wrap is null ? executor : wrap(stage, executor), stop);

    /// <param name="wrap">Puts something around the executor of a replica's stage.</param>
    public async Task<RunSummary> RunReplicasAsync(
        bool resume, string[] overrides, Func<int, int, IStageExecutor, IStageExecutor> wrap, CancellationToken stop)
    {
        using var plan = Plan(resume, overrides);
        return await TrainingRun.RunAsync(
            plan,
            (stages, worker, stage, device) => wrap(stages.Workers.ReplicaOf(worker), stage, stages.CreateExecutor(worker, stage, device)),
            new Observer(this),
            stop);
    }

    /// <summary>What metrics.jsonl holds, bit for bit.</summary>
    public IReadOnlyList<(long Step, double Loss, double GradNorm)> Metrics() =>
    [
        .. File.ReadLines(Path.Combine(Directory, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).Select(line =>
            (line.GetProperty("step").GetInt64(), line.GetProperty("loss").GetDouble(), line.GetProperty("grad_norm").GetDouble())),
    ];

    public void Dispose() => folder.Dispose();

    /// <summary>Fills <see cref="Steps"/> and <see cref="Events"/>.</summary>
    public IRunObserver Watch() => new Observer(this);

    /// <summary>As if the records had not come further.</summary>
    public void Cut(long step) => new RunDirectory(Directory).CutMetrics(step);

    private sealed class Observer(TestRun run) : IRunObserver
    {
        public void Step(StepMetrics metrics)
        {
            run.Steps.Add(metrics);
            run.OnStep?.Invoke(metrics);
        }

        public void Event(RunEvent happened) => run.Events.Add(happened);
    }
}
