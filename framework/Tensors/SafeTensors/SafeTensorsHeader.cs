using System.Text.Json;
using System.Text.Unicode;
using Pipeline.Core;
using static TorchSharp.torch;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>Reads a header as strictly as the format is written: what this accepts, every other reader understands alike.</summary>
internal sealed class SafeTensorsHeader
{
    public const int LongestHeader = 100_000_000;
    public const int PrefixSize = sizeof(ulong);
    public const string MetadataKey = "__metadata__";

    /// <summary>More dimensions than any operator of libtorch takes.</summary>
    public const int MostDimensions = 64;

    private readonly string path;
    private readonly Dictionary<string, SafeTensorsEntry> entries = new(StringComparer.Ordinal);
    private Dictionary<string, string>? metadata;

    private SafeTensorsHeader(string path) => this.path = path;

    /// <summary>In the order of their bytes.</summary>
    public IReadOnlyDictionary<string, SafeTensorsEntry> Entries => entries;

    public IReadOnlyDictionary<string, string> Metadata => metadata ?? [];

    /// <param name="header">The bytes after the prefix.</param>
    /// <param name="path">For the sentences.</param>
    /// <param name="dataBytes">How many bytes follow the header.</param>
    public static SafeTensorsHeader Parse(ReadOnlySpan<byte> header, string path, long dataBytes)
    {
        var parsed = new SafeTensorsHeader(path);
        if (header is not [(byte)'{', ..])
        {
            throw parsed.Bad("its header does not start with '{'");
        }
        // Only spaces may fill the rest; JSON itself would also allow tabs and line ends there.
        header = header.TrimEnd((byte)' ');
        if (header[^1] != '}')
        {
            throw parsed.Bad("its header does not end with '}' and spaces");
        }

        if (!Utf8.IsValid(header))
        {
            throw parsed.Bad("its header is not UTF-8");
        }

        try
        {
            var json = new Utf8JsonReader(header);
            parsed.ReadTop(ref json);
            json.Read();  // throws when anything follows the object
        }
        catch (JsonException problem)
        {
            throw parsed.Bad($"its header is not JSON (byte {problem.BytePositionInLine} of line {problem.LineNumber + 1})", problem);
        }

        parsed.CheckOffsets(dataBytes);
        return parsed;
    }

    private void ReadTop(ref Utf8JsonReader json)
    {
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = Text(ref json);
            json.Read();
            if (name == MetadataKey)
            {
                ReadMetadata(ref json);
            }
            else if (!entries.TryAdd(name, ReadEntry(ref json, name)))
            {
                throw Bad($"tensor '{Shown(name)}' appears twice");
            }
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        if (metadata is not null)
        {
            throw Bad($"'{MetadataKey}' appears twice");
        }

        metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw Bad($"'{MetadataKey}' is not an object of strings");
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = Text(ref json);
            json.Read();
            if (json.TokenType != JsonTokenType.String)
            {
                throw Bad($"'{MetadataKey}' has a value that is not a string for the key '{Shown(key)}'");
            }

            if (!metadata.TryAdd(key, Text(ref json)))
            {
                throw Bad($"'{MetadataKey}' has the key '{Shown(key)}' twice");
            }
        }
    }

    private SafeTensorsEntry ReadEntry(ref Utf8JsonReader json, string name)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw Bad($"tensor '{Shown(name)}' is not described by an object");
        }

        string? type = null;
        List<long>? shape = null, offsets = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = Text(ref json);
            json.Read();
            if (key is "dtype" && type is null)
            {
                type = json.TokenType == JsonTokenType.String
                    ? Text(ref json)
                    : throw Bad($"tensor '{Shown(name)}' has a dtype that is not a string");
            }
            else if (key is "shape" && shape is null)
            {
                shape = ReadNumbers(ref json, name, key, MostDimensions);
            }
            else if (key is "data_offsets" && offsets is null)
            {
                offsets = ReadNumbers(ref json, name, key, 2);
            }
            else
            {
                throw Bad(key is "dtype" or "shape" or "data_offsets"
                    ? $"tensor '{Shown(name)}' has '{Shown(key)}' twice"
                    : $"tensor '{Shown(name)}' has the unknown key '{Shown(key)}'; allowed are dtype, shape and data_offsets");
            }
        }

        if (type is null || shape is null || offsets is null)
        {
            throw Bad($"tensor '{Shown(name)}' has no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
        }

        if (ElementTypes.Parse(type) is not { } known)
        {
            throw Bad($"tensor '{Shown(name)}' has the dtype '{Shown(type)}'; allowed are {ElementTypes.Allowed}");
        }

        if (offsets is not [var begin, var end] || begin > end)
        {
            throw Bad($"tensor '{Shown(name)}' has data_offsets that are not a begin and an end");
        }

        if (Size(known, shape) is not { } size)
        {
            throw Bad($"tensor '{Shown(name)}' has a shape whose size overflows");
        }

        if (size != end - begin)
        {
            throw Bad($"tensor '{Shown(name)}' has {end - begin} bytes where its dtype and shape need {size}");
        }

        return new SafeTensorsEntry(name, known, shape, begin, end);
    }

    private List<long> ReadNumbers(ref Utf8JsonReader json, string name, string key, int most)
    {
        var numbers = new List<long>();
        if (json.TokenType != JsonTokenType.StartArray)
        {
            throw Bad($"tensor '{Shown(name)}' has a {key} that is not a list");
        }

        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || json.ValueSpan[0] == '-' || !json.TryGetInt64(out var number))
            {
                throw Bad($"tensor '{Shown(name)}' has a {key} with something else than whole numbers from 0 to {long.MaxValue}");
            }

            if (numbers.Count == most)
            {
                throw Bad($"tensor '{Shown(name)}' has a {key} of more than {most} numbers");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>In bytes; null when it overflows, also where a dimension of 0 would hide that.</summary>
    private static long? Size(ScalarType type, List<long> shape)
    {
        Int128 size = ElementTypes.Size(type);
        foreach (var dimension in shape)
        {
            if ((size *= Math.Max(dimension, 1)) > long.MaxValue)
            {
                return null;
            }
        }

        return shape.Contains(0) ? 0 : (long)size;
    }

    private void CheckOffsets(long dataBytes)
    {
        var ordered = entries.Values.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End).ToList();
        var expected = 0L;
        foreach (var entry in ordered)
        {
            if (entry.Begin != expected)
            {
                throw Bad($"tensor '{Shown(entry.Name)}' begins at byte {entry.Begin} of the data, where {expected} is next: " +
                    $"tensors may neither {(entry.Begin < expected ? "overlap" : "leave a hole")}");
            }

            expected = entry.End;
        }

        if (expected != dataBytes)
        {
            throw Bad($"its tensors take {expected} bytes but {dataBytes} follow the header");
        }

        entries.Clear();
        foreach (var entry in ordered)
        {
            entries.Add(entry.Name, entry);
        }
    }

    private string Text(ref Utf8JsonReader json)
    {
        try
        {
            return json.GetString()!;
        }
        catch (InvalidOperationException problem)
        {
            throw Bad("its header has a string with half of a surrogate pair", problem);
        }
    }

    /// <summary>A text of the file as a sentence can bear it: short, and nothing in it that would drive a terminal.</summary>
    public static string Shown(string text) =>
        string.Concat(text.Take(100).Select(letter => char.IsControl(letter) ? '?' : letter)) + (text.Length > 100 ? "..." : "");

    private BadInputException Bad(string problem, Exception? cause = null) => Bad(path, problem, cause);

    public static BadInputException Bad(string path, string problem, Exception? cause = null)
    {
        var sentence = $"'{path}' is not a valid safetensors file: {problem}.";
        return cause is null ? new BadInputException(sentence) : new BadInputException(sentence, cause);
    }
}
