using System.Globalization;
using Pipeline.Runtime.Jobs;
using Pipeline.Stages;
using Pipeline.Tensors.Models;
using Spectre.Console;

namespace Pipeline.Cli.Planning;

/// <summary><c>pipeline plan JOB --count</c>: what a model is made of, from its definition alone. No weights have memory.</summary>
internal static class LayerCount
{
    private const int FileWidth = 120;

    public static int Run(string job, string[] overrides, bool json, TextWriter output)
    {
        using var opened = new OpenedJob(job, overrides, Families.All);
        var layers = Of(opened.Model);
        if (json)
        {
            output.Write(JsonOutput.Of(new { Parameters = opened.Model.ParameterCount, opened.Vocabulary, Layers = layers }));
        }
        else
        {
            Print(opened, layers, output);
        }

        return ExitCode.Done;
    }

    /// <summary>A tied parameter counts where it comes first, so that the layers add up to the model.</summary>
    public static IReadOnlyList<CountedLayer> Of(ModelDefinition model)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return
        [
            .. model.Layers.Select(layer => new CountedLayer(
                layer.Name, layer.Parameters.Where(parameter => seen.Add(parameter.Name)).Sum(parameter => parameter.Elements), layer.Cost.ForwardFlops, layer.Cost.Activations)),
        ];
    }

    private static void Print(OpenedJob opened, IReadOnlyList<CountedLayer> layers, TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = FileWidth;
        }

        var table = new Table().Border(TableBorder.Rounded).Title("Layers, one sequence").AddColumns("layer", "parameters", "forward operations", "activations");
        foreach (var column in table.Columns.Skip(1))
        {
            column.RightAligned();
        }

        foreach (var layer in layers)
        {
            table.AddRow(layer.Name.EscapeMarkup(), Text($"{layer.Parameters:N0}"), Text($"{layer.ForwardFlops:0.00e0}"), Text($"{layer.Activations:N0}"));
        }

        console.WriteLine(Text($"{opened.Job.Job.Name}: {opened.Job.Model.Architecture}, {opened.Model.ParameterCount:N0} parameters, {opened.Vocabulary:N0} tokens"));
        console.Write(table);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <param name="ForwardFlops">Of one sequence of full length, a multiply-add as two.</param>
/// <param name="Activations">Elements kept for the backward, of one sequence.</param>
internal sealed record CountedLayer(string Name, long Parameters, double ForwardFlops, double Activations);
