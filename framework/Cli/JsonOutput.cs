using System.Text.Json;

namespace Pipeline.Cli;

/// <summary>What <c>--json</c> prints: one object, keys in snake case.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <returns>With a line end.</returns>
    public static string Of(object value) => JsonSerializer.Serialize(value, value.GetType(), Options) + "\n";
}
