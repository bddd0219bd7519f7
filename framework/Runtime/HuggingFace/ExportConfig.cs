using System.Text.Json;
using System.Text.RegularExpressions;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>The config.json of an exported model.</summary>
internal static partial class ExportConfig
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Of a model that was made here.</summary>
    /// <param name="type">Of the weights, as config.json calls it.</param>
    public static string New(IHuggingFaceFormat format, ModelSettings settings, int vocabulary, string type)
    {
        var config = format.Write(settings, vocabulary);
        config["torch_dtype"] = type;   // the key that every version reads
        return config.ToJsonString(Indented) + "\n";
    }

    /// <summary>Of a model that was imported: what it had, to the letter. Training changes none of it but the type of the weights, as a run that
    /// continues must keep its model.</summary>
    public static string Retyped(string original, string type) => TypeKey.Replace(original, $"$1\"{type}\"");

    [GeneratedRegex("(\"(?:torch_)?dtype\"\\s*:\\s*)\"[^\"]*\"")]
    private static partial Regex TypeKey { get; }
}
