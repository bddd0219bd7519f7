using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Tensors.Models.HuggingFace;

/// <summary>A config.json, read key by key; what is wrong is said in a sentence that names file and key.</summary>
/// <param name="path">Of the file, for messages.</param>
/// <param name="root">Its one object.</param>
public sealed class HuggingFaceConfig(string path, JsonObject root)
{
    /// <summary>In a model's folder.</summary>
    public const string FileName = "config.json";

    /// <summary>Those of models with a label for each of 20,000 classes are not half as large.</summary>
    private const int LargestFile = 4 << 20;

    /// <summary>Reads a model folder's config.json.</summary>
    /// <exception cref="BadInputException">It is missing, too large, or not one object of JSON.</exception>
    public static (HuggingFaceConfig Config, string Text) Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            throw new BadInputException($"{path} cannot be read: there is no such file, so {directory} is not the folder of a Hugging Face model.");
        }

        var bytes = BoundedFile.Read(path, LargestFile);
        return (new(path, HuggingFaceJson.Parse(bytes, path)), Encoding.UTF8.GetString(bytes));
    }

    /// <param name="place">What the sentences begin with.</param>
    /// <exception cref="BadInputException">It is not one object of JSON.</exception>
    public static HuggingFaceConfig Parse(string text, string place) => new(place, HuggingFaceJson.Parse(Encoding.UTF8.GetBytes(text), place));

    /// <summary>All of it, keys that no family reads included.</summary>
    public JsonObject Root => root;

    public int Int(string key) => OptionalInt(key) ?? throw Missing(key);

    /// <summary>Null where the key is missing or null.</summary>
    public int? OptionalInt(string key) => Value(key) is { } node
        ? node.GetValueKind() == JsonValueKind.Number && node.AsValue().TryGetValue<int>(out var number) ? number : throw Wrong(key, "a whole number")
        : null;

    public double Number(string key) => OptionalNumber(key) ?? throw Missing(key);

    /// <summary>Null where the key is missing or null. <c>{"__float__": "Infinity"}</c> is how newer files write what JSON cannot.</summary>
    public double? OptionalNumber(string key) => Value(key) is { } node ? AsNumber(node) ?? throw Wrong(key, "a number") : null;

    public bool Switch(string key, bool otherwise) => Value(key) is { } node
        ? node.GetValueKind() is JsonValueKind.True or JsonValueKind.False ? node.GetValue<bool>() : throw Wrong(key, "true or false")
        : otherwise;

    public string Text(string key, string otherwise) => Value(key) is { } node
        ? node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw Wrong(key, "a text")
        : otherwise;

    /// <summary>Null where the key is missing or null.</summary>
    public IReadOnlyList<double>? OptionalNumbers(string key) => Value(key) is { } node
        ? node is JsonArray array && array.Select(AsNumber).ToArray() is var numbers && numbers.All(number => number is not null)
            ? [.. numbers.Select(number => number!.Value)]
            : throw Wrong(key, "a list of numbers")
        : null;

    /// <summary>Null where the key is missing or null.</summary>
    public HuggingFaceConfig? OptionalSection(string key) => Value(key) is { } node
        ? node is JsonObject section ? new($"{path}: {key}", section) : throw Wrong(key, "an object")
        : null;

    /// <summary>For families whose activation is SiLU, x * sigmoid(x), which <c>hidden_act</c> calls <c>silu</c> or <c>swish</c>.</summary>
    /// <exception cref="BadInputException">It is another.</exception>
    public void RequireSilu()
    {
        if (Text("hidden_act", "silu") is not ("silu" or "swish"))
        {
            throw Wrong("hidden_act", "silu");
        }
    }

    /// <summary>For a value that this framework's family does not have.</summary>
    public BadInputException Wrong(string key, string allowed) => new($"{path}: {key} must be {allowed}, not {QuotedText.Shorten(root[key]?.ToJsonString() ?? "null")}.");

    private BadInputException Missing(string key) => new($"{path}: {key} is missing.");

    private JsonNode? Value(string key) => root.TryGetPropertyValue(key, out var node) ? node : null;

    private static double? AsNumber(JsonNode? node) => node switch
    {
        JsonValue value when value.TryGetValue<double>(out var number) => number,
        JsonObject wrapped when wrapped.Count == 1 && wrapped["__float__"] is JsonValue text && text.TryGetValue<string>(out var name) => name switch
        {
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };
}
