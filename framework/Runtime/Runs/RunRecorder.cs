using System.Text.Json;

namespace Pipeline.Runtime.Runs;

/// <summary>Writes a run's records as they come and sums them up at the end.</summary>
internal sealed class RunRecorder : IDisposable
{
    private readonly RunDirectory directory;
    private readonly StreamWriter metrics;
    private readonly StreamWriter events;
    private readonly IRunObserver observer;
    private readonly List<double> stepSeconds = [];
    private readonly List<double> tokensPerSecond = [];
    private readonly List<double> bubbles = [];

    public RunRecorder(RunDirectory directory, IRunObserver observer, long step)
    {
        this.directory = directory;
        this.observer = observer;
        LastStep = step;
        metrics = Append(directory.Metrics);
        events = Append(directory.Events);
    }

    /// <summary>The last committed step.</summary>
    public long LastStep { get; private set; }

    public double? FirstLoss { get; private set; }

    public double? FinalLoss { get; private set; }

    public double? FinalValidationLoss { get; private set; }

    public long SkippedSteps { get; private set; }

    public double? MedianStepSeconds => Median(stepSeconds);

    public double? MedianTokensPerSecond => Median(tokensPerSecond);

    public double? MedianBubble => Median(bubbles);

    public void Step(StepMetrics step)
    {
        metrics.WriteLine(JsonSerializer.Serialize(step, RunDirectory.Json));
        LastStep = step.Step;
        FirstLoss ??= step.Loss;
        FinalLoss = step.Loss ?? FinalLoss;
        FinalValidationLoss = step.ValidationLoss ?? FinalValidationLoss;
        SkippedSteps += step.Skipped ? 1 : 0;
        stepSeconds.Add(step.StepSeconds);
        tokensPerSecond.Add(step.TokensPerSecond);
        bubbles.Add(step.Bubble);
        observer.Step(step);
    }

    public void Event(string kind, string message, double? loss = null, string? path = null)
    {
        var happened = new RunEvent(DateTimeOffset.UtcNow, kind, LastStep, message, loss, path);
        events.WriteLine(JsonSerializer.Serialize(happened, RunDirectory.Json));
        observer.Event(happened);
    }

    /// <summary>Writes the summary; where that fails, the run has failed, and the summary says so.</summary>
    public RunSummary Summary(RunSummary summary)
    {
        try
        {
            File.WriteAllText(directory.Summary, JsonSerializer.Serialize(summary, RunDirectory.Json) + "\n");
            return summary;
        }
        catch (IOException failure)
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

    private static StreamWriter Append(string path) => new(path, append: true) { AutoFlush = true };

    private static double? Median(List<double> values) => values.Count == 0
        ? null
        : values.Order().Skip((values.Count - 1) / 2).Take(2 - (values.Count % 2)).Average();
}
