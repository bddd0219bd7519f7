using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>A run's data, opened: of files, or generated.</summary>
public interface IDataset : IDisposable
{
    /// <summary>The files as the run freezes them; none where data are generated.</summary>
    IReadOnlyList<DataFile> Files { get; }

    /// <summary>Number of distinct tokens, whose ids are 0 up to this; null where the data are real numbers.</summary>
    int? Vocabulary { get; }

    /// <summary>As <see cref="ITokenizer.Name"/>; <c>none</c> where tokens stand for no text.</summary>
    string Tokenizer { get; }

    /// <summary>As <see cref="ITokenizer.Characters"/>.</summary>
    string? Characters { get; }

    /// <summary>How much there is, in words.</summary>
    string Description { get; }

    /// <summary>The sequences of every step of a job.</summary>
    /// <exception cref="BadInputException">There is too little of the data for it.</exception>
    ISamples Samples(JobFile job);
}
