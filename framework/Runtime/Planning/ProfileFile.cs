using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Partitioning;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Planning;

/// <summary>Layer costs as a JSON file: measured once, or written by hand.</summary>
public static class ProfileFile
{
    private const long LargestFile = 64 << 20;
    private const double MostSeconds = 1e6;
    private const long MostBytes = 1L << 50;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        WriteIndented = true,
    };

    /// <param name="model">Whose layers the file must have, in order.</param>
    /// <exception cref="BadInputException">The file is not one, or is of another model.</exception>
    public static IReadOnlyList<LayerProfile> Read(string path, ModelDefinition model)
    {
        var profiles = Parse(path).OfType<LayerProfile>().ToArray();   // a null in the list is a layer that is missing
        var names = model.Layers.Select(layer => layer.Name);
        if (!names.SequenceEqual(profiles.Select(profile => profile.Name)))
        {
            throw new BadInputException(
                $"--profile: {path} has the layers {Shown(profiles.Select(profile => profile.Name))}, and the model has {Shown(names)}.");
        }

        foreach (var profile in profiles)
        {
            if (new[] { profile.Forward, profile.InputGradient, profile.WeightGradient, profile.Optimizer }.Any(time => !(time is >= 0 and <= MostSeconds))
                || new[] { profile.InputBytes, profile.ActivationBytes, profile.ParameterBytes, profile.TiedBytes }.Any(bytes => bytes is < 0 or > MostBytes))
            {
                throw new BadInputException(
                    $"--profile: {path}, layer {profile.Name}: times must be from 0 to {MostSeconds:R} seconds, and bytes from 0 to {MostBytes}.");
            }
        }

        return profiles;
    }

    public static void Write(string path, IReadOnlyList<LayerProfile> profiles) =>
        File.WriteAllText(path, JsonSerializer.Serialize(profiles, Options) + "\n");

    private static List<LayerProfile> Parse(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return stream.Length <= LargestFile
                ? JsonSerializer.Deserialize<List<LayerProfile>>(stream, Options) ?? throw new JsonException("it is null")
                : throw new BadInputException($"--profile: {path} is {stream.Length} bytes long; at most {LargestFile} are read.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new BadInputException($"--profile: {path} cannot be read as a profile: {failure.Message}", failure);
        }
    }

    private static string Shown(IEnumerable<string> names) => names.ToArray() is { Length: > 3 } many
        ? $"{many[0]}, {many[1]}, ... {many[^1]} ({many.Length})"
        : string.Join(", ", names);
}
