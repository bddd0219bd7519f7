using System.Diagnostics;
using Akka.Configuration;
using Akka.Configuration.Hocon;
using CsCheck;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Runtime.Tests.Jobs;

public class JobFileFuzzTests
{
    private static readonly string[] Scraps =
        ["{", "}", "[", "]", ",", "=", ":", "\"", "\"\"\"", "#", "//", "\\", "\n", "\r", "\t", "${", "+=", "include ", ".", "null", "1e999", "\0", "é", "😀", "\uFEFF", "-", " "];

    private static readonly Gen<Func<string, string>> Mutations =
        from position in Gen.Double.Unit
        from length in Gen.Int[0, 12]
        from scrap in Gen.Int[0, Scraps.Length - 1]
        from kind in Gen.Int[0, 3]
        select (Func<string, string>)(text =>
        {
            var start = (int)(position * text.Length);
            var cut = text.Substring(start, Math.Min(length, text.Length - start));
            return kind switch
            {
                0 => text.Insert(start, Scraps[scrap]),
                1 => text.Remove(start, cut.Length),
                2 => text.Remove(start, cut.Length).Insert(start, Scraps[scrap]),
                _ => text.Insert((int)((1 - position) * text.Length), cut),
            };
        });

    [Fact]
    public void Whatever_is_done_to_a_file_it_is_a_job_or_a_sentence() =>
        Mutations.Array[1, 6].Sample(mutations =>
        {
            var text = mutations.Aggregate(JobFolder.Quickstart, (text, mutate) => mutate(text));
            var watch = Stopwatch.StartNew();
            try
            {
                JobFileBinder.Bind(HoconParser.ParseFile(text, "x.hocon"), JobFolder.Architectures);
            }
            catch (BadInputException refused)
            {
                Assert.Matches("^x\\.hocon[:,][^\n]*[.?]$", refused.Message);
            }
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"It took {watch.Elapsed} to read\n{text}");
        }, iter: 20_000);

    [Theory]
    [InlineData("[")]
    [InlineData("a{")]
    [InlineData("a.")]
    [InlineData("a=[{")]
    [InlineData("a=1,b")]
    [InlineData("\"")]
    [InlineData("a=\"\\")]
    [InlineData("#")]
    [InlineData("k = v w ")]
    [InlineData("a=1\nb=2\n")]
    public void A_mebibyte_of_nonsense_is_refused_soon(string scrap)
    {
        var text = string.Concat(Enumerable.Repeat(scrap, (1 << 20) / scrap.Length));
        var watch = Stopwatch.StartNew();
        var refused = Assert.Throws<BadInputException>(() => JobFileBinder.Bind(HoconParser.ParseFile(text, "x"), JobFolder.Architectures));
        Assert.InRange(refused.Message.Length, 10, 300);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    /// <summary>Our reader is the stricter one: what it takes, Akka's takes for the same.</summary>
    [Fact]
    public void Akka_reads_the_example_and_the_resolved_job_as_we_do()
    {
        var root = HoconParser.ParseFile(JobFolder.Quickstart, "x.hocon");
        var resolved = SettingsWriter.Write(JobFileBinder.Bind(root, JobFolder.Architectures));
        foreach (var text in new[] { JobFolder.Quickstart, resolved })
            Assert.Equal(Show(HoconParser.ParseFile(text, "x.hocon")), Show(ConfigurationFactory.ParseString(text).Root));
    }

    private static string Show(SettingNode node) => node switch
    {
        SettingObject section => $"{{{string.Join(' ', section.Children.Select(child => $"{child.Key}:{Show(child.Value)}"))}}}",
        SettingList list => $"[{string.Join(' ', list.Items.Select(Show))}]",
        _ => ((SettingText)node).Text,
    };

    private static string Show(HoconValue value) => value switch
    {
        _ when value.IsObject() => $"{{{string.Join(' ', value.GetObject().Items.Select(child => $"{child.Key}:{Show(child.Value)}"))}}}",
        _ when value.IsArray() => $"[{string.Join(' ', value.GetArray().Select(Show))}]",
        _ => value.GetString().Trim(),
    };
}
