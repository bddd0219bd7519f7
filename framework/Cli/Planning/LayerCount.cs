using System.Globalization;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Jobs;
using Pipeline.Stages;
using Pipeline.Tensors.Models;
using Spectre.Console;

namespace Pipeline.Cli.Planning;

/// <summary><c>pipeline plan JOB --count</c>: what a model is made of, from its definition alone. No weights have memory, and where
/// <c>model.vocabulary</c> is given, no data are needed.</summary>
internal static class LayerCount
{
    private const int FileWidth = 120;

    public static int Run(string path, string[] overrides, bool json, TextWriter output)
    {
        var settings = Families.All.ToDictionary(family => family.Name, family => family.Settings, StringComparer.Ordinal);
        var job = JobFileReader.Read(path, overrides, settings);
        var vocabulary = job.Model.Vocabulary ?? TokensOf(job.Data, path);
        var model = Families.All.First(family => family.Name == job.Model.Architecture).Define(job.Model, vocabulary);
        if (json)
        {
            output.Write(JsonOutput.Of(new { Parameters = model.ParameterCount, Vocabulary = vocabulary, Layers = Of(model) }));
        }
        else
        {
            output.WriteLine(Text($"{job.Job.Name}: {job.Model.Architecture}, {model.ParameterCount:N0} parameters, {vocabulary:N0} tokens"));
            Print(Of(model), output);
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

    private static int TokensOf(DataSettings data, string path)
    {
        using var opened = data.Open(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return opened.Vocabulary ?? 0;
    }

    private static void Print(IReadOnlyList<CountedLayer> layers, TextWriter output)
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
            table.AddRow(layer.Name.EscapeMarkup(), Text($"{layer.Parameters:N0}"), layer.ForwardFlops == 0 ? "0" : Text($"{layer.ForwardFlops:0.00e0}"), Text($"{layer.Activations:N0}"));
        }

        console.Write(table);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <param name="ForwardFlops">Of one sequence of full length, a multiply-add as two.</param>
/// <param name="Activations">Elements kept for the backward, of one sequence.</param>
internal sealed record CountedLayer(string Name, long Parameters, double ForwardFlops, double Activations);
