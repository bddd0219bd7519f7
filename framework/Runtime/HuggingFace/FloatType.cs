using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>The element types that weights may have, by their words in safetensors files and in config.json.</summary>
internal static class FloatType
{
    private static readonly (string Word, string Name, ScalarType Type)[] All =
        [("F32", "float32", ScalarType.Float32), ("BF16", "bfloat16", ScalarType.BFloat16), ("F16", "float16", ScalarType.Float16)];

    public static string Allowed => string.Join(", ", All.Select(row => row.Word));

    /// <summary>Null where weights may not have the type.</summary>
    public static string? Word(ScalarType type) => Array.Find(All, row => row.Type == type).Word;

    /// <summary>What config.json calls it.</summary>
    public static string Name(ScalarType type) => Array.Find(All, row => row.Type == type).Name;

    /// <summary>In bytes.</summary>
    public static long Size(ScalarType type) => type == ScalarType.Float32 ? 4 : 2;

    /// <summary>Null where there is no such word.</summary>
    public static ScalarType? Parse(string word) => Array.Find(All, row => row.Word == word) is { Word: not null } row ? row.Type : null;
}
