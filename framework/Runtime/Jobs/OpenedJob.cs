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
        Data = Job.Data.Open(Folder);
        try
        {
            Vocabulary = RowsOf(Job.Model, Data);
            Samples = Data.Samples(Job);
            Model = architectures.First(candidate => candidate.Name == Job.Model.Architecture).Define(Job.Model, Vocabulary);
            FitRules.Check(Job, Model, Samples);
        }
        catch
        {
            Data.Dispose();
            throw;
        }
    }

    public JobFile Job { get; }

    /// <summary>Where the job file lies: what the paths in it are relative to.</summary>
    public string Folder { get; }

    /// <summary>The record of settings of each known architecture.</summary>
    public IReadOnlyDictionary<string, Type> Settings { get; }

    public IDataset Data { get; }

    public ISamples Samples { get; }

    /// <summary>Of the model: rows of its embedding; 0 where the data are real numbers.</summary>
    public int Vocabulary { get; }

    public ModelDefinition Model { get; }

    public void Dispose() => Data.Dispose();

    private static int RowsOf(ModelSettings model, IDataset data) => model.Vocabulary is { } rows && rows < data.Vocabulary
        ? throw new BadInputException(data.Tokenizer == "none"
            ? $"model.vocabulary must be at least {data.Vocabulary}, the number of tokens of the data, not {rows}."
            : $"model.vocabulary must be at least {data.Vocabulary}, the number of tokens of the tokenizer {data.Tokenizer}, not {rows}.")
        : model.Vocabulary ?? data.Vocabulary ?? 0;
}
