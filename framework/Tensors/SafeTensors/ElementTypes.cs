using static TorchSharp.torch;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>The element types of the format that TorchSharp has too, in the format's own order: ascending alignment.</summary>
internal static class ElementTypes
{
    private static readonly (string Word, ScalarType Type, int Size)[] All =
    [
        ("BOOL", ScalarType.Bool, 1), ("U8", ScalarType.Byte, 1), ("I8", ScalarType.Int8, 1), ("I16", ScalarType.Int16, 2),
        ("F16", ScalarType.Float16, 2), ("BF16", ScalarType.BFloat16, 2), ("I32", ScalarType.Int32, 4), ("F32", ScalarType.Float32, 4),
        ("F64", ScalarType.Float64, 8), ("I64", ScalarType.Int64, 8),
    ];

    public static string Allowed => string.Join(", ", All.Select(row => row.Word));

    public static ScalarType? Parse(string? word) => Array.Find(All, row => row.Word == word) is { Word: not null } row ? row.Type : null;

    public static bool IsKnown(ScalarType type) => Rank(type) >= 0;

    public static int Rank(ScalarType type) => Array.FindIndex(All, row => row.Type == type);

    public static string Word(ScalarType type) => All[Rank(type)].Word;

    public static int Size(ScalarType type) => All[Rank(type)].Size;
}
