using System.Text.Json;
using System.Text.Unicode;
using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Tensors.Models.HuggingFace;

/// <summary>model.safetensors.index.json: which file of a folder has which tensor.</summary>
public static class HuggingFaceIndex
{
    public const string FileName = "model.safetensors.index.json";

    public const string MapKey = "weight_map";

    /// <summary>Indices of the largest public models (10^5 tensors) take about 10 MiB.</summary>
    private const int LargestFile = 64 << 20;

    /// <returns>The file of each tensor: a plain name.</returns>
    /// <exception cref="BadInputException">It is not an index, names a tensor twice, or a file outside of the folder.</exception>
    public static IReadOnlyDictionary<string, string> Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        var text = BoundedFile.Read(path, LargestFile);
        if (!Utf8.IsValid(text))
        {
            throw Bad(path, "it is not UTF-8");
        }

        try
        {
            return ReadTop(new Utf8JsonReader(text), path);
        }
        catch (JsonException problem)
        {
            throw Bad(path, $"it is not JSON (line {problem.LineNumber + 1})", problem);
        }
        catch (InvalidOperationException problem)
        {
            throw Bad(path, "it has a text with half of a surrogate pair", problem);
        }
    }

    private static Dictionary<string, string> ReadTop(Utf8JsonReader json, string path)
    {
        Dictionary<string, string>? map = null;
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            throw Bad(path, "it is not an object");
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            json.Read();
            if (key != MapKey)
            {
                json.Skip();
            }
            else if (map is null)
            {
                map = ReadMap(ref json, path);
            }
            else
            {
                throw Bad(path, $"{MapKey} appears twice");
            }
        }

        json.Read();   // throws when anything follows the object
        return map is { Count: > 0 } ? map : throw Bad(path, $"it has no {MapKey}");
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader json, string path)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw Bad(path, $"{MapKey} is not an object");
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = json.GetString()!;
            json.Read();
            if (json.TokenType != JsonTokenType.String || json.GetString() is not { } file || !IsPlain(file))
            {
                throw Bad(path, $"tensor {Shown(tensor)} is not in a .safetensors file of the folder: a plain name without folders is needed");
            }

            if (!map.TryAdd(tensor, file))
            {
                throw Bad(path, $"tensor {Shown(tensor)} appears twice");
            }
        }

        return map;
    }

    /// <summary>On every platform: no separators, drives or streams, nothing that drives a terminal.</summary>
    private static bool IsPlain(string file) =>
        file.EndsWith(".safetensors", StringComparison.Ordinal) && file.Length <= 255 && file[0] != '.'
        && !file.Any(letter => letter is '/' or '\\' or ':' || char.IsControl(letter));

    private static string Shown(string text) => QuotedText.Shorten(QuotedText.Of(text));

    private static BadInputException Bad(string path, string problem, Exception? cause = null) =>
        cause is null ? new($"{path} is not a valid index: {problem}.") : new($"{path} is not a valid index: {problem}.", cause);
}
