using System.Globalization;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Tasks;

/// <summary>What the synthetic tasks on tokens have in common: they are generated, and it is counted how much a model gets right.</summary>
public abstract record TaskSettings(string Kind) : DataSettings(Kind)
{
    public override bool IsScored => true;

    public sealed override IEnumerable<string> Problems(JobFile job)
    {
        if (Problem() is { } problem)
        {
            yield return problem;
        }
    }

    public sealed override IDataset Open(string folder, IReadOnlyList<DataFile>? frozen = null)
    {
        var task = Create(0);   // its sizes are the same with any seed
        return new GeneratedDataset(
            task.Vocabulary,
            string.Create(CultureInfo.InvariantCulture, $"{Kind} of {task.Length} tokens"),
            job => new TaskSamples(Create(job.Job.Seed), job));
    }

    /// <summary>What of these keys does not fit each other, as <see cref="Configuration.ICheckedSettings.Problem"/> tells it.</summary>
    internal virtual string? Problem() => null;

    /// <summary>The task; nothing of it is generated yet.</summary>
    internal abstract ISequenceTask Create(long seed);
}
