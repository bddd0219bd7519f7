using System.Globalization;
using System.Text.Json;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Runs;

/// <summary>Writes a run's records as they come and sums them up at the end.</summary>
internal sealed class RunRecorder : IDisposable
{
    private readonly RunDirectory directory;
    private readonly StreamWriter events;
    private readonly IRunObserver observer;
    private readonly List<StepMetrics> steps = [];   // without their stages
    private readonly LossSpikes? spikes;
    private StreamWriter metrics;

    /// <param name="step">Behind which this run begins.</param>
    /// <param name="takesOver">Goes on with the records of another coordinator of the run.</param>
    /// <param name="spikes">Watches the losses; null where their rising means nothing.</param>
    public RunRecorder(RunDirectory directory, IRunObserver observer, long step, bool takesOver = false, LossSpikes? spikes = null)
    {
        this.spikes = spikes;
        this.directory = directory;
        this.observer = observer;
        if (takesOver)
        {
            steps.AddRange(Read(directory.Metrics).Where(one => one.Step > step).Select(one => one with { Stages = [] }));
        }

        LastStep = steps.Count > 0 ? steps[^1].Step : step;
        metrics = Append(directory.Metrics);
        events = Append(directory.Events);
    }

    /// <summary>All committed steps since the run began here, without their stages.</summary>
    public IReadOnlyList<StepMetrics> Steps => steps;

    /// <summary>The last committed step.</summary>
    public long LastStep { get; private set; }

    public double? FirstLoss => steps.Find(step => step.Loss is not null)?.Loss;

    /// <summary>The last step that was not skipped.</summary>
    public StepMetrics? Final => steps.FindLast(step => step.Loss is not null);

    /// <summary>The last step after which there was an evaluation with a finite loss.</summary>
    public StepMetrics? FinalEvaluated => steps.FindLast(step => step.ValidationLoss is not null);

    public long SkippedSteps => steps.LongCount(step => step.Skipped);

    /// <param name="path">Of metrics.jsonl, which need not be there; its last line may not be whole.</param>
    public static IEnumerable<StepMetrics> Read(string path)
    {
        foreach (var line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            if (line.EndsWith('}') && JsonSerializer.Deserialize<StepMetrics>(line, RunDirectory.Json) is { } step)
            {
                yield return step;
            }
        }
    }

    public void Step(StepMetrics step)
    {
        metrics.WriteLine(JsonSerializer.Serialize(step, RunDirectory.Json));
        LastStep = step.Step;
        steps.Add(step with { Stages = [] });
        observer.Step(step);
        if (step.Loss is { } loss && spikes?.Add(step.Step, loss) is { } median)
        {
            Event("loss-spike", $"The loss of step {step.Step} leaps to {LossText.Of(loss)}, from a median of {LossText.Of(median)} in the steps before.", loss);
        }
    }

    /// <summary>An epoch has begun.</summary>
    public void Began() => observer.Began();

    /// <summary>The run goes on after an earlier step: what was of later ones is cut from the metrics.</summary>
    public void RollBack(long step)
    {
        if (step < LastStep)
        {
            directory.CheckOwner();
            metrics.Dispose();
            directory.CutMetrics(step);
            metrics = Append(directory.Metrics);
            LastStep = step;
            steps.RemoveAll(one => one.Step > step);
        }
    }

    /// <summary>An evaluation after the last step.</summary>
    public void Evaluation(Measurement measured)
    {
        string[] parts =
        [
            measured.FiniteLoss is { } loss ? LossText.Of(loss) : "not a finite number",
            .. measured.Accuracy is { } accuracy ? [Text($"accuracy {accuracy:P2}")] : (string[])[],
            .. measured.SequenceAccuracy is { } whole ? [Text($"whole sequences {whole:P2}")] : (string[])[],
            .. measured.Rmse is { } rmse ? [Text($"RMSE {rmse:G4}")] : (string[])[],
        ];
        Record(new(
            DateTimeOffset.UtcNow, "evaluation", LastStep, $"Validation loss after step {LastStep}: {string.Join(", ", parts)}.", measured.FiniteLoss,
            Accuracy: measured.Accuracy, SequenceAccuracy: measured.SequenceAccuracy, Rmse: measured.Rmse));
    }

    public void Event(string kind, string message, double? loss = null, string? path = null) =>
        Record(new(DateTimeOffset.UtcNow, kind, LastStep, message, loss, path));

    private void Record(RunEvent happened)
    {
        events.WriteLine(JsonSerializer.Serialize(happened, RunDirectory.Json));
        observer.Event(happened);
    }

    /// <param name="result">As <see cref="RunSummary.Outcome"/>.</param>
    /// <param name="checkpoint">The last one's folder; null where there is none.</param>
    public RunSummary Summarize(RunPlan plan, string result, string? failure, TimeSpan time, string? checkpoint) => new(
        plan.Job.Job.Name,
        result,
        failure,
        LastStep,
        FirstLoss,
        Final?.Loss,
        FinalEvaluated?.ValidationLoss,
        Final?.Accuracy,
        Final?.SequenceAccuracy,
        Final?.Rmse,
        FinalEvaluated?.ValidationAccuracy,
        FinalEvaluated?.ValidationSequenceAccuracy,
        FinalEvaluated?.ValidationRmse,
        plan.Partition.Model.At(LastStep).ParameterCount,
        SkippedSteps,
        time.TotalSeconds,
        Median(steps.Select(step => step.StepSeconds)),
        Median(steps.Select(step => step.TokensPerSecond)),
        Median(steps.Select(step => step.Bubble)),
        plan.Directory.Root,
        checkpoint,
        plan.Summaries);

    /// <summary>Writes the summary; where that fails, the run has failed, and the summary says so.</summary>
    public RunSummary Summary(RunSummary summary)
    {
        try
        {
            directory.CheckOwner();
            File.WriteAllText(directory.Summary, JsonSerializer.Serialize(summary, RunDirectory.Json) + "\n");
            return summary;
        }
        catch (IOException failure) when (failure is not RunTakenOverException)
        {
            return summary with { Outcome = "failed", Failure = summary.Failure ?? $"The summary cannot be written: {failure.Message}" };
        }
    }

    public void Dispose()
    {
        foreach (var writer in new[] { metrics, events })
        {
            try
            {
                writer.Dispose();
            }
            catch (IOException)
            {
                // Every line was flushed when it was written, and its failure told then; this is the same line again.
            }
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture).Replace(" %", "%", StringComparison.Ordinal);

    private static StreamWriter Append(string path) =>
        new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };

    private double? Median(IEnumerable<double> values) => steps.Count == 0
        ? null
        : values.Order().Skip((steps.Count - 1) / 2).Take(2 - (steps.Count % 2)).Average();
}
