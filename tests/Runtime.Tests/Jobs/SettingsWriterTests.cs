using CsCheck;
using Pipeline.Core.Configuration;
using Pipeline.Core.Tests.Configuration;
using Pipeline.Runtime.Jobs;

namespace Pipeline.Runtime.Tests.Jobs;

public class SettingsWriterTests
{
    private static readonly Gen<double> Finite = Gen.Double.Where(double.IsFinite);

    private static readonly Gen<Sample> Samples =
        from section in Gen.Select(Gen.Int[-9, 0], Gen.Int[0, 9], (low, high) => new SampleSection(low, high))
        from text in Gen.String
        from color in Gen.Bool.Select(red => red ? "red" : "green")
        from whole in Gen.Int[0, 10]
        from @long in Gen.Long
        from share in Gen.Double[0.001, 0.999]
        from number in Finite
        from flag in Gen.Bool
        from colors in Gen.Bool.Select(red => red ? "red" : "green").Array[0, 3]
        from texts in Gen.String.Array[0, 3]
        from counts in Gen.Int[1, int.MaxValue].Array[0, 3]
        from numbers in Finite.Array[0, 3]
        select new Sample(section, text, color, whole, @long, share, number, flag, colors, texts, counts, numbers);

    [Fact]
    public void What_is_written_binds_to_an_equal_record() => Samples.Sample(sample =>
    {
        var bound = SettingsBinder.Bind<Sample>(HoconTree.Read(HoconSyntax.PlainFile(SettingsWriter.Write(sample), "x.hocon"), "x.hocon"));
        Assert.Equal(sample.Colors!, bound.Colors!);
        Assert.Equal(sample.Texts!, bound.Texts!);
        Assert.Equal(sample.Counts!, bound.Counts!);
        Assert.Equal(sample.Numbers!.Select(BitConverter.DoubleToInt64Bits), bound.Numbers!.Select(BitConverter.DoubleToInt64Bits));
        Assert.Equal(BitConverter.DoubleToInt64Bits(sample.Number), BitConverter.DoubleToInt64Bits(bound.Number));
        var sameLists = bound with { Colors = sample.Colors, Texts = sample.Texts, Counts = sample.Counts, Numbers = sample.Numbers };
        Assert.Equal(sample, sameLists);
    });
}
