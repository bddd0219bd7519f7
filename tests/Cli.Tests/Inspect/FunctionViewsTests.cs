using System.Text.Json;
using System.Xml.Linq;
using Pipeline.Cli.Inspect.Functions;
using Pipeline.Runtime.Interpretation;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests.Inspect;

/// <summary>Functions that are known, through everything that shows them.</summary>
public sealed class FunctionViewsTests : IDisposable
{
    private static readonly IReadOnlyList<FittedLayer> Layers = FunctionInspector.Fit(
    [
        new("kan.0", 2, 1, 2, [Edge(0, 0.7, -1, 1, x => Math.Sin(Math.PI * x)), Edge(1, 0.3, -1, 1, x => (0.5 * x * x) + 0.25 + (1e-3 * Math.Sin(50 * x)))]),
        new("kan.1", 30, 40, 1200, [Edge(0, 0.6, -1, 2, Math.Exp), Edge(3, 0.2, 0, 4, _ => -2), Edge(7, 0.1, -3, 3, x => Math.Tanh(2 * x))]),
    ]);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Text_has_a_table_for_each_layer()
    {
        using var text = new StringWriter();
        FunctionView.Print(Report(top: 2), text);
        var lines = text.ToString().Split('\n').Select(line => line.TrimEnd()).ToArray();
        Assert.Equal("Step 40: 1202 learned functions in 2 layers.", lines[0]);
        Assert.Equal("Shown are the 5 with the largest share of the variance of their output; --edges N shows more or fewer.", lines[1]);
        Assert.Contains("kan.0: 2 inputs, 1 outputs", lines);
        Assert.Contains("kan.1: 30 inputs, 40 outputs", lines);
        Assert.Equal(["0 -> 0", "-1 to 1", "70.0%", "sin", "sin(3.142*x)", "1.0000"], Cells("sin(3.142*x)")[..6]);
        Assert.Equal(["1 -> 0", "-1 to 1", "30.0%", "x^2", "0.5*x^2 + 0.25", "1.0000"], Cells("0.5*x^2")[..6]);
        Assert.Matches(@"^~(sin|gaussian) 0\.999\d, ~(sin|gaussian) 0\.999\d", Cells("0.5*x^2")[6]);
        Assert.Equal(["0 -> 0", "-1 to 2", "60.0%", "exp", "exp(x)", "1.0000"], Cells("exp(x)")[..6]);
        Assert.Equal(["3 -> 0", "0 to 4", "20.0%", "constant", "-2", "1.0000", ""], Cells("constant"));
        Assert.Contains("~ fits about as well as the best (R2 less than 0.001 lower): the curve alone does not tell them apart.", lines);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 140));

        string[] Cells(string part) => [.. lines.First(line => line.Contains(part, StringComparison.Ordinal)).Trim('│').Split('│').Select(cell => cell.Trim())];
    }

    [Fact]
    public void Json_has_the_constants_of_each_candidate()
    {
        using var document = JsonDocument.Parse(JsonOutput.Of(Report(top: 1)));
        var root = document.RootElement;
        Assert.Equal((1202, 5, 40), (root.GetProperty("functions").GetInt32(), root.GetProperty("shown").GetInt32(), root.GetProperty("step").GetInt32()));
        var edges = root.GetProperty("layers").EnumerateArray().SelectMany(layer => layer.GetProperty("edges").EnumerateArray()).ToArray();
        var wave = Assert.Single(edges[0].GetProperty("candidates").EnumerateArray());
        Assert.Equal(("sin", "sin(3.142*x)", true), (wave.GetProperty("function").GetString(), wave.GetProperty("formula").GetString(), wave.GetProperty("near_tie").GetBoolean()));
        Assert.Equal([Math.PI, 0, 1, 0], new[] { "a", "b", "c", "d" }.Select(name => wave.GetProperty(name).GetDouble()), (one, other) => Math.Abs(one - other) < 1e-6);
        // More than one was not asked for, but the parabola has others beside it.
        var square = edges[1].GetProperty("candidates").EnumerateArray().ToArray();
        Assert.Equal("x^2", square[0].GetProperty("function").GetString());
        Assert.InRange(square.Length, 2, 6);
        Assert.All(square, candidate => Assert.True(candidate.GetProperty("near_tie").GetBoolean()));
        Assert.All(square, candidate => Assert.InRange(candidate.GetProperty("r2").GetDouble(), square[0].GetProperty("r2").GetDouble() - 0.001, 1));
        Assert.Equal((0, 4, 0), (edges[3].GetProperty("low").GetDouble(), edges[3].GetProperty("high").GetDouble(), edges[3].GetProperty("deviation").GetDouble()));
    }

    [Fact]
    public void A_picture_has_a_panel_for_each_function()
    {
        FunctionPicture.Save(Layers, folder.File("functions.svg"));
        var svg = XDocument.Load(folder.File("functions.svg"));
        var texts = svg.Descendants().Where(element => element.Name.LocalName == "text").Select(element => element.Value.Trim()).ToArray();
        Assert.Equal(5, texts.Count(text => text.Contains("share ", StringComparison.Ordinal)));
        foreach (var text in new[]
        {
            "kan.0: 2 inputs, 1 outputs; learned (line) and best fit (dashes)",
            "kan.1: 30 inputs, 40 outputs; the strongest 3 of 1200 functions; learned (line) and best fit (dashes)",
            "0 -> 0: sin, R2 1.0000, share 70.0%", "sin(3.142*x)", "exp(x)", "tanh(2*x)", "-2",
        })
        {
            Assert.Contains(text, texts);
        }

        // Two rows of one column, then a row of three columns.
        Assert.Equal(("1080", "928"), (svg.Root!.Attribute("width")!.Value, svg.Root.Attribute("height")!.Value));
    }

    [Fact]
    public void A_picture_in_pixels_has_the_same_size_and_both_curves()
    {
        FunctionPicture.Save(Layers, folder.File("functions.PNG"));
        using var bitmap = SkiaSharp.SKBitmap.Decode(folder.File("functions.PNG"));
        Assert.Equal((1080, 928), (bitmap.Width, bitmap.Height));
        // Each panel has its own curve: in the last column there is one in the second row of layers only.
        foreach (var (left, top, isPanel) in new[] { (0, 44, true), (0, 324, true), (720, 44, false), (0, 648, true), (360, 648, true), (720, 648, true) })
        {
            var colours = (from x in Enumerable.Range(left, 360) from y in Enumerable.Range(top, 280) select bitmap.GetPixel(x, y)).ToHashSet();
            Assert.Equal(isPanel, colours.Contains(new(0x3B, 0x6F, 0xB0)));
            Assert.Equal(isPanel, colours.Contains(new(0xE0, 0x6C, 0x1F)));
        }
    }

    private static FunctionReport Report(int top) => FunctionReport.Of("run/checkpoints/step-00000040", 40, Layers, top, null);

    private static LearnedEdge Edge(int input, double share, double low, double high, Func<double, double> function)
    {
        double[] x = [.. Enumerable.Range(0, 257).Select(i => low + ((high - low) * i / 256))];
        double[] y = [.. x.Select(function)];
        return new(input, 0, Math.Sqrt(y.Average(value => Math.Pow(value - y.Average(), 2))), share, x, y);
    }
}
