using System.Globalization;
using Pipeline.Core.Configuration;
using Pipeline.Core.Data;

namespace Pipeline.Core.Jobs;

/// <summary>Text in files: a model learns to predict the next token.</summary>
/// <param name="Files">Glob patterns, relative to the job file; bin, obj, runs and dot-folders are left out.</param>
/// <param name="Tokenizer"><c>bytes</c>, <c>chars</c>, or the path of a tokenizer file or its folder, relative to the job file.</param>
/// <param name="ValidationFraction">The share of the tokens, from the end, that is kept for validation.</param>
/// <param name="TextField">The key of a JSON line, or the column of a Parquet file, that is the text of a document.</param>
/// <param name="Cache">The folder in which files are kept as tokens, relative to the job file; the user's cache folder without it.</param>
/// <param name="ResetAtDocuments">Nothing before the beginning of a document in a sequence reaches what follows.</param>
public sealed record TextDataSettings(
    IReadOnlyList<string> Files,
    [WordOrPath("bytes", "chars")] string Tokenizer = "bytes",
    [Limits(0, 1, ExcludeMaximum = true)] double ValidationFraction = 0.1,
    string TextField = "text",
    string? Cache = null,
    bool ResetAtDocuments = false,
    string Kind = DataKinds.Text)
    : DataSettings(Kind)
{
    public override bool ResetsAtDocuments => ResetAtDocuments;

    public override IEnumerable<string> Problems(JobFile job)
    {
        if (Files.Count == 0)
        {
            yield return "data.files must have at least one pattern";
        }

        if (Files.Any(string.IsNullOrWhiteSpace))
        {
            yield return "data.files must not have an empty pattern";
        }

        if (ValidationFraction > 0)
        {
            yield break;
        }

        if (job.Evaluation.Every > 0)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"data.validation-fraction must be greater than 0 when evaluation.every is {job.Evaluation.Every}, not 0");
        }

        if (job.Evaluation.BeforeFirstStep)
        {
            yield return "data.validation-fraction must be greater than 0 when evaluation.before-first-step is true, not 0";
        }
    }

    public override IDataset Open(string folder, IReadOnlyList<DataFile>? frozen = null) =>
        frozen is null ? new Corpus(this, folder) : new Corpus(this, folder, frozen);
}
