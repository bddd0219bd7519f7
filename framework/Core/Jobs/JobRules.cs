using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Jobs;

/// <summary>What the keys of a job must fulfil together.</summary>
internal static class JobRules
{
    public static IEnumerable<string> Problems(JobFile job) =>
    [
        .. Names(job), .. Batches(job), .. Optimizer(job.Optimizer), .. Evaluation(job), .. Layers(job), .. Devices(job),
    ];

    private static IEnumerable<string> Names(JobFile job)
    {
        if (string.IsNullOrWhiteSpace(job.Job.Name))
        {
            yield return "job.name must not be empty";
        }

        if (string.IsNullOrWhiteSpace(job.Job.Directory))
        {
            yield return "job.directory must not be empty";
        }

        if (job.Data.Files.Count == 0)
        {
            yield return "data.files must have at least one pattern";
        }

        if (job.Data.Files.Any(string.IsNullOrWhiteSpace))
        {
            yield return "data.files must not have an empty pattern";
        }
    }

    private static IEnumerable<string> Batches(JobFile job)
    {
        var (sequences, microBatches) = job.Batch;
        if (sequences % microBatches != 0)
        {
            yield return Text($"batch.sequences must be a multiple of batch.micro-batches, which is {microBatches}, not {sequences}");
        }
    }

    private static IEnumerable<string> Optimizer(OptimizerSettings optimizer)
    {
        var (least, most) = (optimizer.MinLearningRate, optimizer.LearningRate);
        if (least > most)
        {
            yield return Text($"optimizer.min-learning-rate must be at most optimizer.learning-rate, which is {most}, not {least}");
        }

        var (warmup, decay) = (optimizer.WarmupSteps, optimizer.DecaySteps);
        if (warmup > decay)
        {
            yield return Text($"optimizer.warmup-steps must be at most optimizer.decay-steps, which is {decay}, not {warmup}");
        }

        if (optimizer.Betas.Count != 2)
        {
            yield return Text($"optimizer.betas must have 2 numbers, not {optimizer.Betas.Count}");
        }
    }

    private static IEnumerable<string> Evaluation(JobFile job)
    {
        if (job.Data.ValidationFraction > 0)
        {
            yield break;
        }

        if (job.Evaluation.Every > 0)
        {
            yield return Text($"data.validation-fraction must be greater than 0 when evaluation.every is {job.Evaluation.Every}, not 0");
        }

        if (job.Evaluation.BeforeFirstStep)
        {
            yield return "data.validation-fraction must be greater than 0 when evaluation.before-first-step is true, not 0";
        }
    }

    private static IEnumerable<string> Layers(JobFile job)
    {
        var (stages, split, layers) = (job.Parallel.Stages, job.Parallel.Split, job.Model.Layers);
        if (stages > layers)
        {
            yield return Text($"parallel.stages must be at most model.layers, which is {layers}, not {stages}");
        }

        if (split is ["auto"] or ["even"])
        {
            yield break;
        }

        if (!split.All(IsLayerCount))
        {
            yield return $"parallel.split must be auto, even, or a list of whole numbers of at least 1, not {Shown(split)}";
            yield break;
        }
        if (split.Count != stages)
        {
            yield return Text($"parallel.split must have a number for each stage, and parallel.stages is {stages}, not {split.Count}");
        }

        var sum = split.Sum(count => long.Parse(count, CultureInfo.InvariantCulture));
        if (sum != layers)
        {
            yield return Text($"parallel.split must add up to model.layers, which is {layers}, not {sum}");
        }
    }

    private static IEnumerable<string> Devices(JobFile job)
    {
        foreach (var device in job.Device.Where(device => !IsDevice(device)))
        {
            yield return $"device must be cpu, cuda, or cuda:N such as cuda:0, not {Shown([device])}";
        }

        var (devices, stages) = (job.Device.Count, job.Parallel.Stages);
        if (devices != 1 && devices != stages)
        {
            yield return Text($"device must be one for all stages or one for each, and parallel.stages is {stages}, not {devices}");
        }
    }

    private static bool IsLayerCount(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0;

    private static bool IsDevice(string text) => text is "cpu" or "cuda"
        || (text.StartsWith("cuda:", StringComparison.Ordinal)
            && byte.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    private static string Shown(IEnumerable<string> values) =>
        QuotedText.Shorten(string.Join(", ", values.Select(QuotedText.Of)));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
