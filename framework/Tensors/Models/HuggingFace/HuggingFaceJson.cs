using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Pipeline.Core;

namespace Pipeline.Tensors.Models.HuggingFace;

/// <summary>JSON as Python's json module writes it: numbers that JSON does not have (<c>Infinity</c>, <c>-Infinity</c>, <c>NaN</c>) stand bare.
/// They become what newer files have in their place: <c>{"__float__": "Infinity"}</c>.</summary>
internal static class HuggingFaceJson
{
    private const int MostDepth = 64;

    /// <summary>A longer word comes before its own end.</summary>
    private static readonly string[] Bare = ["-Infinity", "Infinity", "NaN"];

    /// <param name="path">For the sentences.</param>
    /// <exception cref="BadInputException">The text is not one object, has a key twice, or is nested too deep.</exception>
    public static JsonObject Parse(ReadOnlySpan<byte> text, string path)
    {
        if (!Utf8.IsValid(text))
        {
            throw new BadInputException($"{path} is not UTF-8.");
        }

        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MostDepth };
            var root = JsonNode.Parse(WithoutBareNumbers(text), null, options) as JsonObject ?? throw new BadInputException($"{path} is not a JSON object.");
            Touch(root);
            return root;
        }
        catch (JsonException problem)
        {
            var place = problem.LineNumber is { } line ? $"line {line + 1}" : "somewhere";
            throw new BadInputException($"{path} is not JSON without repeated keys, nested at most {MostDepth} deep ({place}).", problem);
        }
        catch (InvalidOperationException problem)
        {
            throw new BadInputException($"{path} has a text with half of a surrogate pair.", problem);
        }
    }

    private static byte[] WithoutBareNumbers(ReadOnlySpan<byte> text)
    {
        var strict = new MemoryStream(text.Length);
        var inText = false;
        for (var at = 0; at < text.Length; at++)
        {
            if (!inText && BareAt(text[at..]) is { } word)
            {
                strict.Write(JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["__float__"] = word }));
                at += word.Length - 1;
                continue;
            }

            strict.WriteByte(text[at]);
            if (inText && text[at] == '\\' && at + 1 < text.Length)
            {
                strict.WriteByte(text[++at]);
            }
            else if (text[at] == '"')
            {
                inText = !inText;
            }
        }

        return strict.ToArray();
    }

    private static string? BareAt(ReadOnlySpan<byte> text)
    {
        foreach (var word in text[0] is (byte)'-' or (byte)'I' or (byte)'N' ? Bare : [])
        {
            if (text.Length >= word.Length && System.Text.Encoding.ASCII.GetString(text[..word.Length]) == word)
            {
                return word;
            }
        }

        return null;
    }

    /// <summary>Nodes are made when they are first asked for: here, so that what is wrong with one is said here.</summary>
    private static void Touch(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (_, value) in members)
                {
                    Touch(value);
                }

                break;
            case JsonArray elements:
                foreach (var value in elements)
                {
                    Touch(value);
                }

                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                _ = value.GetValue<string>();
                break;
        }
    }
}
