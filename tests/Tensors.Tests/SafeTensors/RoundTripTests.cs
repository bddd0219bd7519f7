using System.Security.Cryptography;
using Pipeline.Core;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.SafeTensors;

public sealed class RoundTripTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope scope = NewDisposeScope();

    private string Path => folder.File("tensors.safetensors");

    public void Dispose()
    {
        scope.Dispose();
        folder.Dispose();
    }

    public static TheoryData<ScalarType> Types =>
    [
        ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float16,
        ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64,
    ];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_comes_back_to_the_bit(ScalarType type)
    {
        (string Name, Tensor Value)[] written =
        [
            ("matrix", randint(0, 2, [3, 5]).to(type)), ("scalar", ones([], type)), ("empty", zeros([4, 0, 2], type)),
            ("transposed", randint(0, 2, [3, 5]).to(type).t()), ("part", randint(0, 2, [9]).to(type)[3..7]),
        ];
        SafeTensorsWriter.Write(Path, written);

        using var file = SafeTensorsFile.Open(Path);
        Assert.Equal(written.Select(row => row.Name).Order(StringComparer.Ordinal), file.Entries.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, value) in written)
        {
            var read = file.Read(name);
            Assert.Equal((type, DeviceType.CPU), (read.dtype, read.device_type));
            Same(value, read);

            var destination = zeros(value.shape, type);
            file.ReadInto(name, destination);
            Same(value, destination);

            long[] reversed = [.. Enumerable.Range(0, (int)value.dim()).Reverse().Select(i => (long)i)];
            var strided = zeros([.. value.shape.Reverse()], type).permute(reversed);
            file.ReadInto(name, strided);
            Same(value, strided);
        }
    }

    [Fact]
    public void Equal_tensors_give_the_same_canonical_bytes_in_any_order()
    {
        (string Name, Tensor Value)[] tensors =
        [
            ("b", tensor(new[] { 1f, -2f })), ("a", tensor(new byte[] { 7, 8, 9 })), ("ä\"", tensor(5L)), ("a2", tensor(0.5f)),
        ];
        var metadata = new Dictionary<string, string> { ["z"] = "1", ["format"] = "pt" };
        const string Header = """
            {"__metadata__":{"format":"pt","z":"1"},"ä\"":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a2":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},"a":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}}
            """;
        var padded = Header + new string(' ', 8 - (System.Text.Encoding.UTF8.GetByteCount(Header) % 8));
        var expected = Image.Of(padded, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 7, 8, 9);
        Assert.Equal(0, (expected.Length - 23) % 8);

        var written = SafeTensorsWriter.Write(Path, tensors, metadata);
        Assert.Equal(expected, File.ReadAllBytes(Path));
        Assert.Equal(new WrittenFile(expected.Length, Convert.ToHexStringLower(SHA256.HashData(expected))), written);

        SafeTensorsWriter.Write(Path, [.. tensors.Reverse()], metadata);
        Assert.Equal(expected, File.ReadAllBytes(Path));
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
        using var file = SafeTensorsFile.Open(Path);
        Assert.Equal(metadata, file.Metadata);
        Assert.Equal(["ä\"", "a2", "b", "a"], file.Entries.Keys);
    }

    [Fact]
    public void A_file_without_tensors_is_a_file()
    {
        Assert.Equal(16, SafeTensorsWriter.Write(Path, []).Bytes);
        Assert.Equal(Image.Of("{}      "), File.ReadAllBytes(Path));
        using var file = SafeTensorsFile.Open(Path);
        Assert.Empty(file.Entries);
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void Parameters_that_need_gradients_can_be_written_and_filled()
    {
        var parameter = new TorchSharp.Modules.Parameter(rand(4));
        SafeTensorsWriter.Write(Path, [("p", parameter)]);
        var other = new TorchSharp.Modules.Parameter(zeros(4));
        using var file = SafeTensorsFile.Open(Path);
        file.ReadInto("p", other);
        Same(parameter, other);
        Assert.True(other.requires_grad);
    }

    [Fact]
    public void A_range_of_elements_is_read_alone()
    {
        using var scope = NewDisposeScope();
        var whole = rand(6, 7);
        SafeTensorsWriter.Write(Path, [("first", rand(5)), ("whole", whole)]);
        using var file = SafeTensorsFile.Open(Path);
        var destination = zeros(42);
        file.ReadInto("whole", 10, destination.narrow(0, 20, 22));
        Same(cat([zeros(20), whole.view(-1).narrow(0, 10, 22)]), destination);
        Assert.Equal(
            $"Tensor 'whole' of '{Path}' is F32 [6, 7], but elements 30 to 43 of F32 are needed.",
            Assert.Throws<BadInputException>(() => file.ReadInto("whole", 30, zeros(13))).Message);
        Assert.Throws<BadInputException>(() => file.ReadInto("whole", 0, zeros(2, float64)));
    }

    [Fact]
    public void Nothing_is_converted_or_broadcast()
    {
        SafeTensorsWriter.Write(Path, [("row", ones(1, 2))]);
        using var file = SafeTensorsFile.Open(Path);
        void Refused(Tensor destination, string found) => Assert.Equal(
            $"Tensor 'row' of '{Path}' is F32 [1, 2], but {found} is needed.",
            Assert.Throws<BadInputException>(() => file.ReadInto("row", destination)).Message);
        Refused(zeros(2, 2), "F32 [2, 2]");
        Refused(zeros(2), "F32 [2]");
        Refused(zeros([1, 2], float64), "F64 [1, 2]");
        Refused(zeros([1, 2], complex64), "ComplexFloat32 [1, 2]");
        Assert.Equal($"'{Path}' has no tensor 'rows'.", Assert.Throws<BadInputException>(() => file.Read("rows")).Message);
    }

    [Fact]
    public void Names_and_types_that_the_format_cannot_bear_are_refused_and_leave_the_old_file()
    {
        SafeTensorsWriter.Write(Path, [("old", ones(1))]);
        var before = File.ReadAllBytes(Path);
        void Refused(string problem, params (string, Tensor)[] tensors) => Assert.Equal(
            $"'{Path}' cannot be written: {problem}.",
            Assert.Throws<BadInputException>(() => SafeTensorsWriter.Write(Path, tensors)).Message);
        var value = ones(1);
        Refused("a tensor may not be named ''", ("", value));
        Refused("a tensor may not be named '__metadata__'", ("__metadata__", value));
        Refused("a tensor may not be named 'a?b'", ("a\nb", value));
        Refused("a tensor may not be named 'a\ud800'", ("a\ud800", value));
        Refused("two tensors are named 'a'", ("a", value), ("b", value), ("a", value));
        Refused("tensor 'a' has the type ComplexFloat32; allowed are BOOL, U8, I8, I16, F16, BF16, I32, F32, F64, I64",
            ("a", ones([1], complex64)));
        Assert.Equal(before, File.ReadAllBytes(Path));

        var missing = folder.File("none/file");
        Assert.StartsWith($"'{missing}' cannot be written: Could not find a part of the path",
            Assert.Throws<BadInputException>(() => SafeTensorsWriter.Write(missing, [("a", value)])).Message);
    }

    [Fact]
    public void A_tensor_of_more_than_2_GiB_is_read_in_pieces()
    {
        const long Length = (1L << 31) + 5;
        var header = $$$"""{"a":{"dtype":"U8","shape":[{{{Length}}}],"data_offsets":[0,{{{Length}}}]}}""";
        using (var sparse = File.Create(Path))
        {
            sparse.Write(Image.Of(header));
            sparse.SetLength(sparse.Length + Length);
            sparse.Seek(-1, SeekOrigin.End);
            sparse.WriteByte(42);
        }

        using var file = SafeTensorsFile.Open(Path);
        var read = file.Read("a");
        Assert.Equal(Length, read.numel());
        Assert.Equal((0, 42), (read[Length - 2].ToInt32(), read[Length - 1].ToInt32()));
    }

    [Fact]
    public void Ground_truth_is_read_and_survives_a_round_trip()
    {
        foreach (var path in Goldens.Files("*.safetensors"))
        {
            Rewrite(path);
            using var original = SafeTensorsFile.Open(path);
            using var copy = SafeTensorsFile.Open(Path);
            Assert.Equal(original.Metadata, copy.Metadata);
            Assert.NotEmpty(original.Entries);
            foreach (var name in original.Entries.Keys)
            {
                Same(original.Read(name), copy.Read(name));
            }
        }
    }

    [Fact]
    public void What_the_format_s_own_library_wrote_is_written_again_to_the_byte()
    {
        foreach (var path in Goldens.Files("*.safetensors", below: "hf"))
        {
            Rewrite(path);
            Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(Path)), path);
        }
    }

    private void Rewrite(string path)
    {
        using var file = SafeTensorsFile.Open(path);
        SafeTensorsWriter.Write(Path, [.. file.Entries.Keys.Select(name => (name, file.Read(name)))], file.Metadata);
    }

    private static void Same(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(expected.eq(actual).all().ToBoolean());
    }
}
