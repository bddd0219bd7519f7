using CsCheck;

namespace Pipeline.Core.Tests;

public class ByteSizeTests
{
    [Theory]
    [InlineData("1", 1)]
    [InlineData("1500", 1500)]
    [InlineData("2KiB", 2048)]
    [InlineData("1.5 MiB", 1572864)]
    [InlineData("8gib", 8589934592)]
    [InlineData("1TiB", 1099511627776)]
    public void Amounts_are_read(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("much")]
    [InlineData("0")]
    [InlineData("-1GiB")]
    [InlineData("1GB")]
    [InlineData("GiB")]
    [InlineData("1e9")]
    [InlineData("99999999TiB")]
    public void Everything_else_is_not(string text) => Assert.Null(ByteSize.Parse(text));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(20 << 20, "20 MiB")]
    public void Amounts_are_written_short(long bytes, string text) => Assert.Equal(text, ByteSize.Format(bytes));

    [Fact]
    public void What_is_written_is_read_back_within_rounding() => Gen.Long[1, 1L << 50].Sample(bytes =>
        Assert.Equal(bytes, ByteSize.Parse(ByteSize.Format(bytes).Replace(" B", "", StringComparison.Ordinal))!.Value, 0.06 * bytes));
}
