using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Checkpoints;

/// <summary>A tensor is restored as it is, or not at all: nothing is broadcast, cut, or converted by accident.</summary>
public sealed class CheckpointReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CheckpointReader reader;

    public CheckpointReaderTests()
    {
        var store = new CheckpointStore(folder.Path, 1);
        using var scope = NewDisposeScope();
        (string, Tensor)[] tensors =
        [
            ("row", ones(1, 3)), ("square", arange(6, float32).view(2, 3)), ("symbols", arange(3, int64)), ("moment[0:4]", ones(4)), ("moment[4:6]", ones(2)),
        ];
        var written = SafeTensorsWriter.Write(Path.Combine(store.Begin(1), "a.safetensors"), tensors);
        var shard = new Shard("a.safetensors", written.Bytes, written.Sha256, [.. tensors.Select(entry => entry.Item1)]);
        reader = Checkpoint.Open(store.Complete(new(Manifest.CurrentFormat, 1, 1, 1, "bytes", null, [], "", [shard]))).Read();
    }

    public void Dispose()
    {
        reader.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("square", ScalarType.Float32, "2,3")]
    [InlineData("square[2:6]", ScalarType.Float32, "4")]
    [InlineData("moment", ScalarType.Float32, "2,3")]
    [InlineData("ema.square", ScalarType.Float64, "2,3")]
    public void What_fits_is_read(string name, ScalarType type, string shape)
    {
        using var value = full(Shape(shape), 9, type);
        reader.ReadInto(name, value);
        Assert.True(value.to(float64).max().item<double>() < 9);
    }

    [Theory]
    [InlineData("square", ScalarType.Float32, "3,2")]
    [InlineData("square", ScalarType.Float32, "6")]
    [InlineData("square", ScalarType.Float64, "2,3")]
    [InlineData("square", ScalarType.BFloat16, "2,3")]
    [InlineData("row", ScalarType.Float32, "2,3")]
    [InlineData("row", ScalarType.Float32, "3")]
    [InlineData("row", ScalarType.Float32, "1,1")]
    [InlineData("moment", ScalarType.Float32, "5")]
    [InlineData("moment", ScalarType.Float32, "7")]
    [InlineData("moment", ScalarType.Float64, "6")]
    [InlineData("square[4:8]", ScalarType.Float32, "4")]
    [InlineData("ema.square", ScalarType.Float32, "3,2")]
    [InlineData("ema.symbols", ScalarType.Float32, "3")]
    [InlineData("another", ScalarType.Float32, "3")]
    public void What_does_not_fit_is_refused(string name, ScalarType type, string shape)
    {
        using var value = full(Shape(shape), 9, type);
        Assert.Throws<BadInputException>(() => reader.ReadInto(name, value));
    }

    [Fact]
    public void A_trained_value_is_converted_between_kinds_of_floating_point_alone()
    {
        using var exact = full([2, 3], 9, float64);
        reader.ReadTrainedInto("square", exact);
        Assert.Equal(15, exact.sum().item<double>());
        using var symbols = full([3], 9, int64);
        reader.ReadTrainedInto("symbols", symbols);
        Assert.Equal(3, symbols.sum().item<long>());
        using var number = full([3], 9, float32);
        Assert.Throws<BadInputException>(() => reader.ReadTrainedInto("symbols", number));
        using var wide = full([2, 3], 9, float64);
        Assert.Throws<BadInputException>(() => reader.ReadTrainedInto("row", wide));
    }

    private static long[] Shape(string text) => [.. text.Split(',').Select(long.Parse)];
}
