using CsCheck;
using Pipeline.Core;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.SafeTensors;

public sealed class FuzzTests
{
    private const int Rounds = 10_000;

    [Fact]
    public void Damaged_files_are_read_or_refused_and_cost_no_more_memory_than_their_size()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("image.safetensors");
        using var scope = NewDisposeScope();
        (string, Tensor)[] tensors = [("weight", ones(3, 4)), ("flag", ones([2], @bool)), ("empty", ones(0)), ("step", tensor(7L))];
        SafeTensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var whole = File.ReadAllBytes(path);

        var accepted = 0;
        // One thread: the file is rewritten each round, and the allocations counted are this thread's.
        Gen.Int.Sample(
            seed =>
            {
                File.WriteAllBytes(path, Damage(whole, new Random(seed)));
                var before = GC.GetAllocatedBytesForCurrentThread();
                accepted += IsAccepted(path) ? 1 : 0;
                return GC.GetAllocatedBytesForCurrentThread() - before < 1 << 18;
            },
            iter: Rounds,
            threads: 1);
        Assert.InRange(accepted, 1, Rounds - 1);
    }

    private static bool IsAccepted(string path)
    {
        try
        {
            using var file = SafeTensorsFile.Open(path);
            foreach (var name in file.Entries.Keys)
            {
                file.Read(name).Dispose();
            }

            return true;
        }
        catch (BadInputException)
        {
            return false;
        }
    }

    private static byte[] Damage(byte[] whole, Random random)
    {
        List<byte> image = [.. whole];
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var at = random.Next(image.Count);
            switch (random.Next(5))
            {
                case 0: image[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: image[at] = (byte)random.Next(256); break;
                case 2: image[at] = (byte)"0123456789{}[],:\" "[random.Next(18)]; break;
                case 3: image.RemoveRange(at, Math.Min(random.Next(1, 20), image.Count - at - 1)); break;
                default: image.InsertRange(at, image[at..Math.Min(at + random.Next(20), image.Count)]); break;
            }
        }

        return [.. image];
    }
}
