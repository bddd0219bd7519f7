using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Formats;

/// <summary>The documents of a file.</summary>
internal static class Documents
{
    public static DataFormat FormatOf(string path) =>
        path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) || path.EndsWith(JsonLines.Compressed, StringComparison.OrdinalIgnoreCase) ? DataFormat.JsonLines
        : path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase) ? DataFormat.Parquet
        : path.EndsWith(".tokens", StringComparison.OrdinalIgnoreCase) ? DataFormat.Tokens
        : DataFormat.Text;

    /// <summary>Pieces of a text that is one document, and of others whole documents. Empty documents are passed over.</summary>
    /// <exception cref="BadInputException">The file is not what its ending says.</exception>
    public static IEnumerable<DocumentPiece> Read(string path, TextDataSettings settings, IDocumentEncoder encoder) => FormatOf(path) switch
    {
        DataFormat.JsonLines => Whole(JsonLines.Read(path, settings.TextField)),
        DataFormat.Parquet => Whole(ParquetRows.Read(path, settings.TextField)),
        DataFormat.Text => TextPieces.Read(path, encoder.Border),
        var other => throw new ArgumentException($"{other} has no documents", nameof(path)),
    };

    private static IEnumerable<DocumentPiece> Whole(IEnumerable<string> documents) =>
        documents.Where(document => document.Length > 0).Select(document => new DocumentPiece(document, First: true));
}
