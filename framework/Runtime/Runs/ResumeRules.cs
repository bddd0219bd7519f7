using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Runtime.Runs;

/// <summary>What a resumed run may not change, because its losses would no longer be those of the run it continues.
/// The layout, the length, the evaluations and the optimizer's numbers are free, but for the order in which a schedule adds gradients up.</summary>
internal static class ResumeRules
{
    /// <exception cref="BadInputException">Names the first key that differs, with both values.</exception>
    public static void Check(JobFile then, JobFile now, string checkpoint)
    {
        Compare("model", then.Model, now.Model, checkpoint);
        Compare("precision", then.Precision, now.Precision, checkpoint);
        Compare("batch", then.Batch, now.Batch, checkpoint);
        Compare("data", Kept(then.Data), Kept(now.Data), checkpoint);
        if (then.Optimizer.Kind != now.Optimizer.Kind)
        {
            throw Changed($"optimizer.kind = {now.Optimizer.Kind}", $"kind = {then.Optimizer.Kind}", checkpoint);
        }

        if (now.Optimizer.IsLbfgs && then.Optimizer.History != now.Optimizer.History)
        {
            throw Changed($"optimizer.history = {now.Optimizer.History}", $"history = {then.Optimizer.History}", checkpoint);
        }

        if (then.Job.Seed != now.Job.Seed)
        {
            throw Changed($"job.seed = {now.Job.Seed}", $"seed = {then.Job.Seed}", checkpoint);
        }
    }

    /// <summary>First of all: what else is compared depends on it.</summary>
    /// <exception cref="BadInputException">The kind of data differs.</exception>
    public static void CheckKind(JobFile then, JobFile now, string checkpoint)
    {
        if (then.Data.Kind != now.Data.Kind)
        {
            throw Changed($"data.kind = {now.Data.Kind}", $"kind = {then.Data.Kind}", checkpoint);
        }
    }

    /// <summary>An imported model has seen no data: what follows is free, and so is what the model does in training alone.</summary>
    /// <exception cref="BadInputException">Names the first key that differs, with both values.</exception>
    public static void CheckImport(JobFile then, JobFile now, string checkpoint)
    {
        Compare("model", then.Model, now.Model, checkpoint, free: ["context", "dropout"]);
        Compare("precision", then.Precision with { Compute = now.Precision.Compute }, now.Precision, checkpoint);
    }

    private static void Compare(string section, object then, object now, string checkpoint, params IReadOnlyList<string> free)
    {
        foreach (var (before, after) in Lines(then).Zip(Lines(now)))
        {
            if (before != after && !free.Contains(before.Split(' ')[0]))
            {
                throw Changed($"{section}.{after}", before, checkpoint);
            }
        }
    }

    /// <summary>Files and tokenizer are compared by their content.</summary>
    private static DataSettings Kept(DataSettings data) => data is TextDataSettings text ? text with { Files = [], Tokenizer = "", Cache = null } : data;

    private static string[] Lines(object settings) => SettingsWriter.Write(settings).Split('\n');

    private static BadInputException Changed(string now, string before, string checkpoint) =>
        new($"--resume: {now}, but {checkpoint} was trained with {before}; a resumed run must keep it.");
}
