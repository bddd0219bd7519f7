using Pipeline.Core;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;

namespace Pipeline.Tensors.Tests.SafeTensors;

public sealed class RefusedFilesTests : IDisposable
{
    private const string Whole = "whole numbers from 0 to 9223372036854775807";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    // The object as a whole.
    [InlineData("", 0, "its header does not start with '{'")]
    [InlineData(" {}", 0, "its header does not start with '{'")]
    [InlineData("[]", 0, "its header does not start with '{'")]
    [InlineData("{", 0, "its header does not end with '}' and spaces")]
    [InlineData("{}\n", 0, "its header does not end with '}' and spaces")]
    [InlineData("{}\0", 0, "its header does not end with '}' and spaces")]
    [InlineData("{}{}", 0, "its header is not JSON (byte 2 of line 1)")]
    [InlineData("{'a':1}", 0, "its header is not JSON (byte 1 of line 1)")]
    [InlineData("{/**/}", 0, "its header is not JSON (byte 1 of line 1)")]
    [InlineData("""{"a":{},}""", 0, "tensor 'a' has no dtype")]
    [InlineData("""{"\ud800":{}}""", 0, "its header has a string with half of a surrogate pair")]
    // Metadata.
    [InlineData("""{"__metadata__":[]}""", 0, "'__metadata__' is not an object of strings")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "'__metadata__' has a value that is not a string for the key 'a'")]
    [InlineData("""{"__metadata__":{"a":null}}""", 0, "'__metadata__' has a value that is not a string for the key 'a'")]
    [InlineData("""{"__metadata__":{"a":{}}}""", 0, "'__metadata__' has a value that is not a string for the key 'a'")]
    [InlineData("""{"__metadata__":{"a":"1","a":"1"}}""", 0, "'__metadata__' has the key 'a' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "'__metadata__' appears twice")]
    // What an entry has.
    [InlineData("""{"a":1}""", 0, "tensor 'a' is not described by an object")]
    [InlineData("""{"a":{"shape":[],"data_offsets":[0,1]}}""", 1, "tensor 'a' has no dtype")]
    [InlineData("""{"a":{"dtype":"U8","data_offsets":[0,1]}}""", 1, "tensor 'a' has no shape")]
    [InlineData("""{"a":{"dtype":"U8","shape":[]}}""", 1, "tensor 'a' has no data_offsets")]
    [InlineData("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}""", 1,
        "tensor 'a' has the unknown key 'x'; allowed are dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}""", 1, "tensor 'a' has 'dtype' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[],"shape":[],"data_offsets":[0,1]}}""", 1, "tensor 'a' has 'shape' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"data_offsets":[0,1]}}""", 1, "tensor 'a' has 'data_offsets' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 0,
        "tensor 'a' has 0 bytes where its dtype and shape need 1")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 0,
        "tensor 'a' appears twice")]
    [InlineData("""{"a":{"dtype":8,"shape":[],"data_offsets":[0,1]}}""", 1, "tensor 'a' has a dtype that is not a string")]
    [InlineData("""{"a":{"dtype":"f32","shape":[],"data_offsets":[0,4]}}""", 4,
        "tensor 'a' has the dtype 'f32'; allowed are BOOL, U8, I8, I16, F16, BF16, I32, F32, F64, I64")]
    // Shapes.
    [InlineData("""{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}""", 1, "tensor 'a' has a shape that is not a list")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}""", 1, "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}""", 0, "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}""", 1, "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}""", 1, "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}""", 1, "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}""", 1, "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}""", 1,
        "tensor 'a' has a shape with something else than " + Whole)]
    [InlineData("""{"a":{"dtype":"U8","shape":[4294967296,4294967297],"data_offsets":[0,4294967296]}}""", 1,
        "tensor 'a' has a shape whose size overflows")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0, "tensor 'a' has a shape whose size overflows")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}""", 0,
        "tensor 'a' has a shape whose size overflows")]
    // Offsets.
    [InlineData("""{"a":{"dtype":"U8","shape":[],"data_offsets":[1]}}""", 1, "tensor 'a' has data_offsets that are not a begin and an end")]
    [InlineData("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1,1]}}""", 1, "tensor 'a' has a data_offsets of more than 2 numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[],"data_offsets":[1,0]}}""", 1,
        "tensor 'a' has data_offsets that are not a begin and an end")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}""", 1, "tensor 'a' has 1 bytes where its dtype and shape need 2")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}""", 8, "tensor 'a' has 8 bytes where its dtype and shape need 4")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2,
        "tensor 'a' begins at byte 1 of the data, where 0 is next: tensors may neither leave a hole")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}""", 3,
        "tensor 'b' begins at byte 2 of the data, where 1 is next: tensors may neither leave a hole")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3,
        "tensor 'b' begins at byte 1 of the data, where 2 is next: tensors may neither overlap")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1,
        "tensor 'b' begins at byte 0 of the data, where 1 is next: tensors may neither overlap")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 1, "its tensors take 2 bytes but 1 follow the header")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 3, "its tensors take 2 bytes but 3 follow the header")]
    [InlineData("{}", 1, "its tensors take 0 bytes but 1 follow the header")]
    public void A_broken_rule_is_named(string header, int dataBytes, string problem) =>
        Refused(Image.Of(header, new byte[dataBytes]), problem);

    [Fact]
    public void A_prefix_that_does_not_fit_is_refused_before_anything_is_allocated()
    {
        Refused([], "it has 0 bytes, fewer than the 8 that give its header's size");
        Refused(new byte[7], "it has 7 bytes, fewer than the 8 that give its header's size");
        Refused([.. Image.Prefix(3), .. "{}"u8], "its header would have 3 bytes but the file ends after 2 of them");
        Refused([.. Image.Prefix(100_000_001), .. "{}"u8], "its header would have 100000001 bytes; allowed are 100000000");
        Refused([.. Image.Prefix(ulong.MaxValue), .. "{}"u8], "its header would have 18446744073709551615 bytes; allowed are 100000000");

        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused([.. Image.Prefix(100_000_000), .. "{}"u8], "its header would have 100000000 bytes but the file ends after 2 of them");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused()
    {
        Refused(Image.Of([.. "{\"a"u8, 0xff, .. "\":1}"u8]), "its header is not UTF-8");
        Refused(Image.Of([.. "{\"a"u8, 0xed, 0xa0, 0x80, .. "\":1}"u8]), "its header is not UTF-8");
    }

    [Fact]
    public void More_dimensions_than_libtorch_takes_are_refused() => Refused(
        Image.Of($$$"""{"a":{"dtype":"U8","shape":[{{{string.Join(",", Enumerable.Repeat(1, 65))}}}],"data_offsets":[0,1]}}""", 0),
        "tensor 'a' has a shape of more than 64 numbers");

    [Fact]
    public void A_name_in_a_sentence_is_short_and_harmless() => Refused(
        Image.Of("{\"\\u001b[2J" + new string('x', 200) + "\":1}"),
        "tensor '?[2J" + new string('x', 96) + "...' is not described by an object");

    [Fact]
    public void A_BOOL_that_is_neither_true_nor_false_is_refused_when_it_is_read()
    {
        var path = Write(Image.Of("""{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}""", 1, 2));
        using var file = SafeTensorsFile.Open(path);
        Says(path, "tensor 'a' is BOOL but has bytes other than 0 and 1", () => file.Read("a"));
    }

    [Fact]
    public void A_file_that_is_cut_while_it_is_open_is_refused()
    {
        var path = Write(Image.Of("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 1, 2));
        using var file = SafeTensorsFile.Open(path);
        Cut(path);
        Says(path, "it has become shorter since it was opened", () => file.Read("a"));
    }

    [Fact]
    public void A_path_that_cannot_be_read_is_named()
    {
        var missing = Assert.Throws<BadInputException>(() => SafeTensorsFile.Open(folder.File("none")));
        Assert.StartsWith($"The safetensors file '{folder.File("none")}' cannot be read: Could not find file", missing.Message);
        var directory = Assert.Throws<BadInputException>(() => SafeTensorsFile.Open(folder.Path));
        Assert.StartsWith($"The safetensors file '{folder.Path}' cannot be read: ", directory.Message);
    }

    /// <summary>.NET's own lock on the open file would refuse the second opening of one process.</summary>
    private static void Cut(string path)
    {
        using var cut = System.Diagnostics.Process.Start("truncate", ["-s", "-1", path]);
        cut.WaitForExit();
    }

    private void Refused(byte[] image, string problem)
    {
        var path = Write(image);
        Says(path, problem, () => SafeTensorsFile.Open(path).Dispose());
    }

    private string Write(byte[] image)
    {
        var path = folder.File("image.safetensors");
        File.WriteAllBytes(path, image);
        return path;
    }

    private static void Says(string path, string problem, Action action) =>
        Assert.Equal($"'{path}' is not a valid safetensors file: {problem}.", Assert.Throws<BadInputException>(action).Message);
}
