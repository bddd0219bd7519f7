using Parquet;
using Parquet.Schema;

namespace Pipeline.Core.Data.Formats;

/// <summary>A column of text in a Parquet file. A row group at a time is in memory.</summary>
internal static class ParquetRows
{
    /// <summary>Rows of a row group that any file may have, however small it is.</summary>
    private const long AlwaysAllowed = 1 << 20;

    /// <summary>Rows of a row group, which is what large writers make of a file by default at most.</summary>
    private const long LargestGroup = 1 << 26;

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
                foreach (var text in Try(path, () => Group(path, stream.Length, reader, group, column)))
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

    private static string?[] Group(string path, long length, ParquetReader reader, int index, DataField column)
    {
        using var group = reader.OpenRowGroupReader(index);
        // The number is the file's own word, and room is made for all rows: so many texts have at least a byte each.
        if (group.RowCount < 0 || group.RowCount > Math.Clamp(length, AlwaysAllowed, LargestGroup))
        {
            throw new BadInputException(
                $"{path} has a row group of {group.RowCount} rows by its own account; a file of {length} bytes may have {Math.Clamp(length, AlwaysAllowed, LargestGroup)}.");
        }

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
