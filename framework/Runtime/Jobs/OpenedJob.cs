using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Jobs;

/// <summary>A job file read, its data opened and its model defined: nothing of the model has memory yet.</summary>
public sealed class OpenedJob : IDisposable
{
    /// <param name="path">The job file.</param>
    /// <param name="overrides"><c>a.b=c</c> each.</param>
    /// <param name="architectures">The families that <c>model.architecture</c> may name.</param>
    /// <exception cref="BadInputException">Anything that the user can correct.</exception>
    public OpenedJob(string path, IReadOnlyList<string> overrides, IReadOnlyList<IArchitecture> architectures)
    {
        Settings = architectures.ToDictionary(architecture => architecture.Name, architecture => architecture.Settings, StringComparer.Ordinal);
        Folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Job = JobFileReader.Read(path, overrides, Settings);
        Corpus = new Corpus(Job.Data, Folder);
        try
        {
            Vocabulary = RowsOf(Job.Model, Corpus.Tokenizer);
            Samples = new Samples(Corpus, Job);
        }
        catch
        {
            Corpus.Dispose();
            throw;
        }

        Model = architectures.First(candidate => candidate.Name == Job.Model.Architecture).Define(Job.Model, Vocabulary);
    }

    public JobFile Job { get; }

    /// <summary>Where the job file lies: what the paths in it are relative to.</summary>
    public string Folder { get; }

    /// <summary>The record of settings of each known architecture.</summary>
    public IReadOnlyDictionary<string, Type> Settings { get; }

    public Corpus Corpus { get; }

    public Samples Samples { get; }

    /// <summary>Of the model: rows of its embedding.</summary>
    public int Vocabulary { get; }

    public ModelDefinition Model { get; }

    public void Dispose() => Corpus.Dispose();

    private static int RowsOf(ModelSettings model, ITokenizer tokenizer) => model.Vocabulary is { } rows && rows < tokenizer.Vocabulary
        ? throw new BadInputException($"model.vocabulary must be at least {tokenizer.Vocabulary}, the number of tokens of the tokenizer {tokenizer.Name}, not {rows}.")
        : model.Vocabulary ?? tokenizer.Vocabulary;
}
