using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Data without files: every process generates what it reads.</summary>
/// <param name="vocabulary">Null for real numbers.</param>
internal sealed class GeneratedDataset(int? vocabulary, string description, Func<JobFile, ISamples> samples) : IDataset
{
    public IReadOnlyList<DataFile> Files => [];

    public int? Vocabulary => vocabulary;

    public string Tokenizer => "none";

    public string? Characters => null;

    public string Description => description;

    public ISamples Samples(JobFile job) => samples(job);

    public void Dispose()
    {
    }
}
