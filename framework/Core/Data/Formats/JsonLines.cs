using System.IO.Compression;
using System.Text.Json;

namespace Pipeline.Core.Data.Formats;

/// <summary>A file with a JSON object on each line, plain or compressed with gzip.</summary>
internal static class JsonLines
{
    public const string Compressed = ".jsonl.gz";

    /// <summary>Bytes.</summary>
    public const int LongestLine = 1 << 26;

    /// <summary>The text of each line; empty lines are passed over.</summary>
    /// <param name="field">The key whose value is the text.</param>
    /// <exception cref="BadInputException">Names the first line that has no text.</exception>
    public static IEnumerable<string> Read(string path, string field)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        using var stream = path.EndsWith(Compressed, StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : (Stream)file;
        var buffer = new byte[1 << 18];
        var (length, searched, number) = (0, 0, 0L);
        for (var end = false; !end;)
        {
            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * buffer.Length);
            }

            var count = Fill(stream, buffer.AsSpan(length), path);
            end = count == 0;
            length += count;
            var start = 0;
            for (int line; (line = LineEnd(buffer, searched, length, end)) >= 0; start = searched = line + 1)
            {
                if (Text(buffer.AsSpan(start, Math.Min(line, length) - start), path, ++number, field) is { } text)
                {
                    yield return text;
                }
            }

            length = Math.Max(0, length - start);
            buffer.AsSpan(start, length).CopyTo(buffer);
            searched = length;
            if (length > LongestLine)
            {
                throw new BadInputException($"{path}, line {number + 1}: the line has more than {LongestLine} bytes, which is the most that is allowed.");
            }
        }
    }

    /// <summary>Where the line ends; the end of the file ends one too.</summary>
    private static int LineEnd(byte[] buffer, int from, int length, bool end)
    {
        var found = from < length ? buffer.AsSpan(from, length - from).IndexOf((byte)'\n') : -1;
        return found >= 0 ? from + found : end && from <= length && length > 0 ? length : -1;
    }

    private static int Fill(Stream stream, Span<byte> buffer, string path)
    {
        try
        {
            return stream.ReadAtLeast(buffer, 1, throwOnEndOfStream: false);
        }
        catch (InvalidDataException failure)
        {
            throw new BadInputException($"{path} cannot be decompressed: {failure.Message}", failure);
        }
    }

    private static string? Text(ReadOnlySpan<byte> line, string path, long number, string field)
    {
        if (line.Trim(" \t\r"u8).IsEmpty)
        {
            return null;
        }

        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw Wrong("is no JSON object");
            }

            string? text = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var here = reader.ValueTextEquals(field);
                reader.Read();
                if (!here)
                {
                    reader.Skip();
                    continue;
                }

                text = reader.TokenType == JsonTokenType.String ? reader.GetString() : throw Wrong($"has something else than text in the field {field}");
            }

            reader.Read(); // Nothing may follow.
            return text ?? throw Wrong($"has no field {field}");
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            throw Wrong($"is no JSON: {failure.Message.Split('\n', '.')[0]}");
        }

        BadInputException Wrong(string what) =>
            new($"{path}, line {number}: the line {what}; each line must be a JSON object with text in the field that data.text-field names, which is {field}.");
    }
}
