using CsCheck;
using Pipeline.Core;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;

namespace Pipeline.Runtime.Tests.HuggingFace;

/// <summary>Whatever is done to a model's files, they are a model or a sentence, and cost no memory to speak of.</summary>
public class ModelFuzzTests
{
    private const int Rounds = 10_000;

    private const long MostAllocated = 8 << 20;

    private static readonly string[] Scraps =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "\\u0000", "null", "true", "Infinity", "-Infinity", "NaN", "1e999", "-1", "0", "1", "2147483647",
        "9223372036854775808", "0.5", "\"x\"", "{}", "[]", "{\"__float__\": \"Infinity\"}", "../", "part-0.safetensors", "\"weight_map\": {}", "\0", "\u00e9",
    ];

    [Fact]
    public void Configs() => Fuzz("config.json", _ => { });

    [Fact]
    public void Configs_of_every_family() => Assert.All(GoldenModelTests.Folders(), golden => Fuzz("config.json", folder =>
    {
        File.Copy(Path.Combine(golden, "config.json"), folder.FileOf("config.json"), overwrite: true);
        File.Copy(Path.Combine(golden, ModelFolder.Weights), folder.FileOf(ModelFolder.Weights), overwrite: true);
    }, rounds: 2000));

    [Fact]
    public void Indices() => Fuzz(ModelFolder.Index, folder => folder.Shard(3));

    [Fact]
    public void Weights() => Fuzz(ModelFolder.Weights, _ => { });

    private static void Fuzz(string file, Action<ModelFolder> prepare, int rounds = Rounds)
    {
        using var folder = new ModelFolder();
        prepare(folder);
        var whole = File.ReadAllBytes(folder.FileOf(file));
        folder.Open().Dispose();

        var accepted = 0;
        // One thread: the file is rewritten each round, and the allocations counted are this thread's.
        Gen.Int.Sample(
            seed =>
            {
                File.WriteAllBytes(folder.FileOf(file), Damage(whole, new Random(seed)));
                var before = GC.GetAllocatedBytesForCurrentThread();
                accepted += IsAccepted(folder) ? 1 : 0;
                return GC.GetAllocatedBytesForCurrentThread() - before < MostAllocated;
            },
            iter: rounds,
            threads: 1);
        Assert.InRange(accepted, 1, rounds - 1);
    }

    private static bool IsAccepted(ModelFolder folder)
    {
        try
        {
            using var model = new HuggingFaceModel(folder.Path, Families.All);
            return true;
        }
        catch (BadInputException)
        {
            return false;
        }
    }

    /// <summary>Bits, bytes, pieces, and values in the place of others.</summary>
    private static byte[] Damage(byte[] whole, Random random)
    {
        List<byte> image = [.. whole];
        for (var change = random.Next(1, 4); change > 0 && image.Count > 0; change--)
        {
            var at = random.Next(image.Count);
            var scrap = System.Text.Encoding.UTF8.GetBytes(Scraps[random.Next(Scraps.Length)]);
            switch (random.Next(7))
            {
                case 0: image[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: image[at] = (byte)random.Next(256); break;
                case 2: image.RemoveRange(at, Math.Min(random.Next(1, 20), image.Count - at)); break;
                case 3: image.InsertRange(at, image[at..Math.Min(at + random.Next(40), image.Count)]); break;
                case 4: image.InsertRange(at, scrap); break;
                default: ReplaceValue(image, at, scrap); break;
            }
        }

        return [.. image];
    }

    /// <summary>What follows the next colon, up to a comma or the end of the line.</summary>
    private static void ReplaceValue(List<byte> image, int at, byte[] scrap)
    {
        var start = image.IndexOf((byte)':', at) + 1;
        var end = start == 0 ? -1 : image.FindIndex(start, letter => letter is (byte)',' or (byte)'\n' or (byte)'}');
        if (end >= 0)
        {
            image.RemoveRange(start, end - start);
            image.InsertRange(start, scrap);
        }
    }
}
