using Pipeline.Core.Data;

namespace Pipeline.Core.Jobs;

/// <summary>What every kind of data has. A kind derives its own record with its own keys.</summary>
public abstract record DataSettings(string Kind)
{
    /// <summary>Is it counted how much of what a model predicts is right? That takes a pass over the model's output.</summary>
    public virtual bool IsScored => false;

    /// <summary>Layers are told where documents begin in a sequence.</summary>
    public virtual bool ResetsAtDocuments => false;

    /// <summary>What of these keys does not fit each other or the rest of the job, as <see cref="Configuration.ICheckedSettings.Problem"/> tells it.</summary>
    public abstract IEnumerable<string> Problems(JobFile job);

    /// <summary>Opens the data, or makes ready to generate them.</summary>
    /// <param name="folder">What paths are relative to: the job file's folder.</param>
    /// <param name="frozen">The files as a run has them; found without it.</param>
    /// <exception cref="BadInputException">They cannot be opened, or are not as the run has them.</exception>
    public abstract IDataset Open(string folder, IReadOnlyList<DataFile>? frozen = null);
}
