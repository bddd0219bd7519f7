using System.Diagnostics;
using CsCheck;
using Pipeline.Core;
using Pipeline.Runtime.Jobs;

namespace Pipeline.Runtime.Tests.Jobs;

public class JobFileFuzzTests
{
    private static readonly string[] Scraps =
    [
        "{", "}", "[", "]", ",", "=", ":", "\"", "\"\"\"", "#", "//", "\\", "\n", "\r", "\t", "${", "+=", "include ", ".", "null",
        "1e999", "\0", "é", "😀", "\uFEFF", "-", " ", "\u00a0", "\u2028", "a", ".b", "${job.seed}", "${job}", "${data.files}",
        "a = ${b}\n", "b = [${a}]\n", "a.b = 1\n", "a { b = [1, 2] }\n", "{ a = 1 }", "[1, 2]",
    ];

    // Each is right alone; together they replace, merge, contradict and lead in circles.
    private static readonly string[] Lines =
    [
        "a = 1", "a = ${b}", "a = [${b.c}, x]", "a = x ${c}/y # z", "a { b = 2 }", "a.b = ${c}", "b = 1", "b { c = [1, { d = 2 }] }",
        "b.c = ${d}${c}", "b { c = \"x\"${a.b}\"y\", e = ${d} }", "c = ${a}", "c = \"\"", "c = [{ a = ${d} }, [${d}]]",
        "d = [\"null\"]", "d = nul",
    ];

    private static readonly Gen<string> SomeScraps = Gen.Int[0, Scraps.Length - 1].Array[1, 20]
        .Select(indices => string.Concat(indices.Select(index => Scraps[index])));

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
        Mutations.Array[1, 6].Sample(
            mutations => Read(mutations.Aggregate(JobFolder.Quickstart, (text, mutate) => mutate(text)), "x.hocon"), iter: 20_000);

    [Fact]
    public void Scraps_are_a_job_or_a_sentence() =>
        SomeScraps.Sample(scraps => Read(scraps, "x.hocon"), iter: 20_000);

    [Fact]
    public void Right_lines_in_any_order_are_a_job_or_a_sentence() =>
        Gen.Int[0, Lines.Length - 1].Array[1, 8].Sample(
            indices => Read(string.Join('\n', indices.Select(index => Lines[index])), "x.hocon"), iter: 20_000);

    [Fact]
    public void Scraps_in_an_override_are_a_job_or_a_sentence() =>
        SomeScraps.Sample(scraps => Read(JobFolder.Quickstart, "--set", $"job.name={scraps}"), iter: 20_000);

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
    [InlineData("a=${b}\n")]
    [InlineData("a=[[1]]\n")]
    [InlineData("a{b{c=1}}\n")]
    [InlineData("a=[{b=1}]\n")]
    public void A_mebibyte_of_nonsense_is_refused_soon(string scrap)
    {
        var text = string.Concat(Enumerable.Repeat(scrap, (1 << 20) / scrap.Length));
        var watch = Stopwatch.StartNew();
        var refused = Assert.Throws<BadInputException>(() => JobFileReader.Parse(text, "x", [], JobFolder.Architectures));
        Assert.InRange(refused.Message.Length, 10, 300);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    private static void Read(string text, string place, params string[] overrides)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            JobFileReader.Parse(text, "x.hocon", overrides, JobFolder.Architectures);
        }
        catch (BadInputException refused)
        {
            Assert.Matches($"^{place}[:, ][^\n]*[.?]$", refused.Message);
            // What passes our check, Akka reads.
            Assert.DoesNotContain("cannot be read as HOCON", refused.Message, StringComparison.Ordinal);
        }
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"It took {watch.Elapsed} to read\n{text}");
    }
}
