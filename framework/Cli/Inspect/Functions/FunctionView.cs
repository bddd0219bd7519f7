using System.Globalization;
using Pipeline.Core.Symbolic;
using Spectre.Console;

namespace Pipeline.Cli.Inspect.Functions;

/// <summary>Prints learned functions for people.</summary>
internal static class FunctionView
{
    private const int FileWidth = 140;

    public static void Print(FunctionReport report, TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = FileWidth;
        }

        console.WriteLine(Text($"Step {report.Step}: {report.Functions} learned functions in {report.Layers.Count} layers."));
        if (report.Shown < report.Functions)
        {
            console.WriteLine(Text($"Shown are the {report.Shown} with the largest share of the variance of their output; --edges N shows more or fewer."));
        }

        foreach (var layer in report.Layers.Where(layer => layer.Edges.Count > 0))
        {
            console.WriteLine();
            console.WriteLine(Text($"{layer.Layer}: {layer.Inputs} inputs, {layer.Outputs} outputs"));
            console.Write(Edges(layer));
        }

        if (report.Layers.SelectMany(layer => layer.Edges).Any(edge => edge.Candidates.Count(candidate => candidate.NearTie) > 1))
        {
            console.WriteLine(Text($"~ fits about as well as the best (R2 less than {SymbolicRegression.NearTie} lower): the curve alone does not tell them apart."));
        }

        if (report.Picture is { } picture)
        {
            console.WriteLine($"Picture: {picture}");
        }
    }

    private static Table Edges(LayerReport layer)
    {
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var title in new[] { "edge", "range", "share", "best fit", "formula", "R2", "runners-up, R2" })
        {
            table.AddColumn(title is "share" or "R2" ? new TableColumn(title).RightAligned() : new TableColumn(title));
        }

        foreach (var edge in layer.Edges)
        {
            var best = edge.Candidates[0];
            table.AddRow(
                new Text($"{edge.Input} -> {edge.Output}"),
                new Text(Text($"{edge.Low:G3} to {edge.High:G3}")),
                new Text(Quantity.Percent(edge.Share)),
                new Text(best.Function),
                new Text(best.Formula),
                new Text(R2(best.R2)),
                new Text(string.Join(", ", edge.Candidates.Skip(1).Select(other => $"{(other.NearTie ? "~" : "")}{other.Function} {R2(other.R2)}"))));
        }

        return table;
    }

    private static string R2(double value) => value.ToString("F4", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
