using Pipeline.Core.Data;
using Pipeline.Runtime.Stages;

namespace Pipeline.Runtime.Runs;

/// <summary>A run's data as all its processes must find them, known without reading any.</summary>
/// <param name="Folder">Where the job file lies: what the paths are relative to.</param>
/// <param name="Files">None where data are generated.</param>
/// <param name="Tokenizer">As <see cref="IDataset.Tokenizer"/>.</param>
/// <param name="Characters">As <see cref="IDataset.Characters"/>.</param>
/// <param name="Description">How much there is, in words.</param>
/// <param name="Vocabulary">Of the model: rows of its embedding; 0 where the data are real numbers.</param>
/// <param name="TokenizerFiles">The files of an imported model's tokenizer, while the run's tokenizer is the same; else null.</param>
public sealed record FrozenData(
    string Folder,
    IReadOnlyList<DataFile> Files,
    string Tokenizer,
    string? Characters,
    string Description,
    int Vocabulary,
    IReadOnlyList<DataFile>? TokenizerFiles,
    StepTargets Targets);
