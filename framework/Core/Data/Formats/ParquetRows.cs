using Parquet;
using Parquet.Schema;

namespace Pipeline.Core.Data.Formats;

/// <summary>A column of text in a Parquet file. A row group at a time is in memory.</summary>
internal static class ParquetRows
{
    /// <summary>The text of each row; rows without one are passed over.</summary>
    /// <exception cref="BadInputException">The file is no Parquet file, or has no such column of text.</exception>
    public static IEnumerable<string> Read(string path, string field)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        var reader = Try(path, () => ParquetReader.CreateAsync(stream, new() { TreatByteArrayAsString = true }, leaveStreamOpen: true).GetAwaiter().GetResult());
        try
        {
            var column = reader.Schema.Fields.OfType<DataField>().FirstOrDefault(column => column.Name == field);
            if (column is null || (column.ClrType != typeof(string) && column.ClrType != typeof(ReadOnlyMemory<char>)) || column.IsArray)
            {
                throw new BadInputException(
                    $"{path} has no column {field} of text, which data.text-field names; its columns are {string.Join(", ", reader.Schema.Fields.Select(other => other.Name))}.");
            }

            for (var group = 0; group < reader.RowGroupCount; group++)
            {
                foreach (var text in Try(path, () => Group(reader, group, column)))
                {
                    if (text is not null)
                    {
                        yield return text;
                    }
                }
            }
        }
        finally
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static string?[] Group(ParquetReader reader, int index, DataField column)
    {
        using var group = reader.OpenRowGroupReader(index);
        var values = new string?[group.RowCount];
        group.ReadAsync(column, values.AsMemory()).AsTask().GetAwaiter().GetResult();
        return values;
    }

    /// <summary>A damaged file can fail anywhere in the library.</summary>
    private static T Try<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is not BadInputException)
        {
            throw new BadInputException($"{path} cannot be read as a Parquet file: {failure.Message}", failure);
        }
    }
}
