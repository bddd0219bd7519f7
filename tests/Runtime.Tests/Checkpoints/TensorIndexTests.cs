using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>Pieces of tensors, put together by their names.</summary>
public class TensorIndexTests
{
    [Theory]
    [InlineData("a[0:64] a[64:100] b", null)]
    [InlineData("a[0:64] a[128:192]", "x lacks the elements from 64 of the tensor a.")]
    [InlineData("a[64:128]", "x lacks the elements from 0 of the tensor a.")]
    [InlineData("a[0:128] a[64:192]", "x has elements from 64 of the tensor a twice.")]
    [InlineData("a a[0:64]", "x has the tensor a twice.")]
    [InlineData("a a", "x has the tensor a twice.")]
    public void Pieces_that_are_missing_or_overlap_are_refused(string names, string? sentence)
    {
        var shards = names.Split(' ').Reverse().Select((name, index) => new Shard($"{index}", 1, "", [name])).ToArray();
        Assert.Equal(sentence, Record.Exception(() => new TensorIndex("x", shards))?.Message);
    }

    [Theory]
    [InlineData("a[0:100]", 100, "a[0:64] a[64:128]")]
    [InlineData("a[64:192]", 128, "a[64:128] a[128:200]")]
    [InlineData("a", 200, "a[0:64] a[64:128] a[128:200]")]
    [InlineData("b[64:192]", 128, "b")]
    [InlineData("a", 201, "x has 200 elements of a, and 201 are needed.")]
    [InlineData("a", 199, "x has 200 elements of a, and 199 are needed.")]
    [InlineData("a[192:256]", 64, "x has 200 elements of a, and 256 are needed.")]
    [InlineData("c", 1, "x has no tensor c: it is a checkpoint of another model.")]
    public void The_parts_of_what_is_asked_for_are_found(string name, long elements, string found)
    {
        var index = new TensorIndex("x", [new("0", 1, "", ["a[128:200]", "b", "a[0:64]"]), new("1", 1, "", ["a[64:128]"])]);
        Assert.Equal(found, found.StartsWith("x ", StringComparison.Ordinal)
            ? Assert.Throws<BadInputException>(() => index.Find(name, elements)).Message
            : string.Join(' ', index.Find(name, elements).Parts.Select(part => part.Name)));
    }
}
