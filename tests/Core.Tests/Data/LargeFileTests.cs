using Pipeline.Core.Data;

namespace Pipeline.Core.Tests.Data;

/// <summary>Data larger than memory: sparse files, which take no room.</summary>
public sealed class LargeFileTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Opening_and_reading_takes_a_bounded_amount_of_memory()
    {
        // Opening reads all of it for the hash; that is what bounds its size here.
        const long length = 300_000_000;
        folder.WriteSparse("large.bin", length, [1, 2, 3]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var corpus = folder.Open("bytes", "large.bin");
        var tokens = new long[4];
        corpus.Read(length - 4, tokens);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        Assert.Equal([0, 1, 2, 3], tokens);
        Assert.Equal(length, corpus.Count);
    }

    [Fact]
    public void Positions_beyond_two_and_four_gigabytes_are_read()
    {
        const long length = 5_000_000_000;
        folder.Write("small.bin", "x");
        using var small = folder.Open("bytes", "small.bin");
        using var large = new MappedFile(folder.WriteSparse("large.bin", length, [7, 8, 9]));
        Assert.Equal(length, large.Length);
        foreach (var offset in (long[])[0, (1L << 31) - 2, (1L << 32) - 2])
        {
            Assert.Equal([0, 0, 0, 0], Read(offset));
        }

        Assert.Equal([0, 7, 8, 9], Read(length - 4));

        // The tokenizer, which reads whatever file it is handed, keeps the test from hashing five gigabytes.
        long[] Read(long offset)
        {
            var tokens = new long[4];
            small.Tokenizer.Read(0, large, offset, tokens);
            return tokens;
        }
    }

    [Fact]
    public void A_read_across_the_end_gives_what_there_is()
    {
        using var file = new MappedFile(folder.Write("a.bin", [1, 2, 3]));
        var bytes = new byte[4];
        Assert.Equal(2, file.Read(1, bytes));
        Assert.Equal([2, 3, 0, 0], bytes);
        Assert.Equal(0, file.Read(3, bytes));
    }
}
