using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Jobs;

namespace Pipeline.Runtime.Runs;

/// <summary>What a resumed run may not change, because its losses would no longer be those of the run it continues.
/// The layout, the length, the evaluations and the optimizer's numbers are free, but for the order in which a schedule adds gradients up.</summary>
internal static class ResumeRules
{
    /// <summary>May a job go on from a checkpoint?</summary>
    /// <exception cref="BadInputException">Names the first thing that differs.</exception>
    public static void CheckAll(Checkpoint checkpoint, OpenedJob opened)
    {
        var (manifest, job, place) = (checkpoint.Manifest, opened.Job, checkpoint.Directory);
        var then = JobFileReader.Parse(manifest.Job, Path.Combine(place, Manifest.FileName), [], opened.Settings);
        if (!manifest.IsImport)
        {
            CheckData(then, manifest, opened, place);
        }

        if (manifest.Step >= job.Job.Steps)
        {
            throw new BadInputException($"--resume: {place} is of step {manifest.Step}, and job.steps is {job.Job.Steps}; to go on, job.steps must be greater.");
        }

        if (manifest.IsImport)
        {
            CheckImport(then, job, place);
        }
        else
        {
            Check(then, job, place);
        }

        if (manifest.Lbfgs is { } optimizer && !optimizer.Fits(job.Optimizer.History))
        {
            throw new BadInputException($"{Path.Combine(place, Manifest.FileName)}: lbfgs is not of {job.Optimizer.History} pairs, as optimizer.history has it.");
        }
    }

    /// <exception cref="BadInputException">Names the first key that differs, with both values.</exception>
    internal static void Check(JobFile then, JobFile now, string checkpoint)
    {
        Compare("model", then.Model, now.Model, checkpoint);
        Compare("precision", then.Precision, now.Precision, checkpoint);
        Compare("batch", then.Batch, now.Batch, checkpoint);
        Compare("data", Kept(then.Data), Kept(now.Data), checkpoint);
        CompareKeys("optimizer", [new("kind", then.Optimizer.Kind)], [new("kind", now.Optimizer.Kind)], checkpoint, []);
        if (now.Optimizer.IsLbfgs && then.Optimizer.History != now.Optimizer.History)
        {
            throw Changed("optimizer", "history", $"{then.Optimizer.History}", $"{now.Optimizer.History}", checkpoint);
        }

        if (then.Job.Seed != now.Job.Seed)
        {
            throw Changed("job", "seed", $"{then.Job.Seed}", $"{now.Job.Seed}", checkpoint);
        }
    }

    /// <summary>The kind first: what else is compared depends on it.</summary>
    private static void CheckData(JobFile then, Manifest manifest, OpenedJob opened, string checkpoint)
    {
        if (then.Data.Kind != opened.Job.Data.Kind)
        {
            throw Changed("data", "kind", then.Data.Kind, opened.Job.Data.Kind, checkpoint);
        }

        var (before, after) = (manifest.Data, opened.Data.Files);
        if (!before.Select(Content).SequenceEqual(after.Select(Content)) || manifest.Characters != opened.Data.Characters)
        {
            var first = before.Zip(after).TakeWhile(pair => Content(pair.First) == Content(pair.Second)).Count();
            var which = (before.ElementAtOrDefault(first), after.ElementAtOrDefault(first)) switch
            {
                (null, null) => "",
                (null, { } more) => $" ({Shown(more)} is new)",
                ({ } less, null) => $" ({Shown(less)} is missing)",
                ({ } was, { } @is) when was.Path == @is.Path => $" ({Shown(@is)} has changed)",
                ({ } was, { } @is) => $" ({Shown(@is)} has the place of {Shown(was)}, and other content)",
            };
            throw new BadInputException($"--resume: the data are not those of {checkpoint}{which}.");
        }

        if (manifest.Tokenizer != opened.Data.Tokenizer)
        {
            throw new BadInputException($"--resume: the tokenizer is {opened.Data.Tokenizer}, and {checkpoint} was trained with {manifest.Tokenizer}.");
        }
    }

    /// <summary>Where a file lies is free.</summary>
    private static (long Bytes, string Sha256) Content(DataFile file) => (file.Bytes, file.Sha256);

    private static string Shown(DataFile file) => file.Path.Any(char.IsControl) ? QuotedText.Of(file.Path) : file.Path;

    /// <summary>An imported model has seen no data: what follows is free, and so is what the model does in training alone.</summary>
    private static void CheckImport(JobFile then, JobFile now, string checkpoint)
    {
        Compare("model", then.Model, now.Model, checkpoint, "context", "dropout");
        Compare("precision", then.Precision with { Compute = now.Precision.Compute }, now.Precision, checkpoint);
    }

    private static void Compare(string section, object then, object now, string checkpoint, params IReadOnlyList<string> free) =>
        CompareKeys(section, Keys(then), Keys(now), checkpoint, free);

    /// <summary>By name, in the order of what is written now: families have keys of their own, and a key without a value is not written.</summary>
    private static void CompareKeys(
        string section, IReadOnlyList<KeyValuePair<string, string>> then, IReadOnlyList<KeyValuePair<string, string>> now, string checkpoint, IReadOnlyList<string> free)
    {
        var (before, after) = (then.ToDictionary(StringComparer.Ordinal), now.ToDictionary(StringComparer.Ordinal));
        foreach (var key in now.Concat(then).Select(entry => entry.Key).Except(free))
        {
            if (before.GetValueOrDefault(key) is var was && after.GetValueOrDefault(key) is var @is && was != @is)
            {
                throw Changed(section, key, was, @is, checkpoint);
            }
        }
    }

    /// <summary>Files, in their order, and tokenizer are compared by their content.</summary>
    private static DataSettings Kept(DataSettings data) => data is TextDataSettings text ? text with { Files = [], Tokenizer = "", Cache = null } : data;

    /// <summary>With those of sections in it, after the section's name and a dot.</summary>
    private static List<KeyValuePair<string, string>> Keys(object settings)
    {
        var (keys, sections) = (new List<KeyValuePair<string, string>>(), new Stack<string>([""]));
        foreach (var line in SettingsWriter.Write(settings).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (line == "}")
            {
                sections.Pop();
            }
            else if (line.Split(" = ", 2) is [var key, var value])
            {
                keys.Add(new(sections.Peek() + key, value));
            }
            else
            {
                sections.Push($"{sections.Peek()}{line.Split(' ')[0]}.");
            }
        }

        return keys;
    }

    /// <param name="before">Null where the key had no value; so <paramref name="now"/>.</param>
    private static BadInputException Changed(string section, string key, string? before, string? now, string checkpoint) => new(
        $"--resume: {section}.{key} {(now is null ? "is not set" : $"= {now}")}, but {checkpoint} was trained {(before is null ? "without it" : $"with {key} = {before}")}; a resumed run must keep it.");
}
