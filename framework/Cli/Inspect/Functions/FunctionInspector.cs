using Pipeline.Core.Symbolic;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Interpretation;
using Pipeline.Stages;

namespace Pipeline.Cli.Inspect.Functions;

/// <summary>The learned edge functions of a checkpoint, each with the symbolic functions that fit it.</summary>
internal static class FunctionInspector
{
    /// <param name="path">A checkpoint's folder, or a run directory.</param>
    /// <param name="top">Candidates to show of each function.</param>
    /// <param name="picture">Where to draw them.</param>
    public static void Run(string path, EdgeSelection selection, int top, string? picture, bool json, TextWriter output)
    {
        var model = TrainedModel.Open(path, Families.All, damage => Console.Error.WriteLine($"A checkpoint was passed over: {damage}"));
        var layers = Fit(LearnedFunctions.Read(model, selection));
        var report = FunctionReport.Of(model.Checkpoint.Directory, model.Checkpoint.Manifest.Step, layers, top, picture);
        if (picture is not null)
        {
            FunctionPicture.Save(layers, picture);
        }

        if (json)
        {
            output.Write(JsonOutput.Of(report));
        }
        else
        {
            FunctionView.Print(report, output);
        }
    }

    public static IReadOnlyList<FittedLayer> Fit(IReadOnlyList<LearnedLayer> layers)
    {
        var fits = layers.SelectMany(layer => layer.Edges).ToArray().AsParallel().AsOrdered()
            .Select(edge => new FittedEdge(edge, SymbolicRegression.Fit(edge.X, edge.Y))).ToArray();
        var done = 0;
        return [.. layers.Select(layer => new FittedLayer(layer, fits[done..(done += layer.Edges.Count)]))];
    }
}
