using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Generation;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Interpretation;

/// <summary>Reads the learned edge functions of trained models, in float64 and a layer at a time, so that the model need not fit into memory.</summary>
public static class LearnedFunctions
{
    /// <summary>Places at which a function is evaluated.</summary>
    private const int Points = 257;

    /// <returns>The layers that have a selected function, in the model's order.</returns>
    /// <exception cref="BadInputException">There is no such function, or one has no finite value somewhere.</exception>
    public static IReadOnlyList<LearnedLayer> Read(TrainedModel model, EdgeSelection selection)
    {
        var layers = Select(Parts(model), selection);
        return layers.Count > 0 ? layers : throw new BadInputException(
            $"{model.Checkpoint.Directory}: a model of the architecture {model.Job.Model.Architecture}, as its settings are, has no learned edge functions; those with Kolmogorov-Arnold layers do.");
    }

    /// <summary>The same for parts of layers.</summary>
    public static IReadOnlyList<LearnedLayer> Select(IEnumerable<(string Name, IEdgeFunctions Functions)> parts, EdgeSelection selection)
    {
        var (names, layers) = (new List<string>(), new List<LearnedLayer>());
        foreach (var (name, functions) in parts)
        {
            names.Add(name);
            if (selection.Layer is null || selection.Layer == name)
            {
                Check("input", selection.Input, functions.Inputs, name);
                Check("output", selection.Output, functions.Outputs, name);
                layers.Add(Sample(name, functions, selection));
            }
        }

        if (layers.Count == 0 && names.Count > 0)
        {
            throw new BadInputException($"--layer must be one of the model's layers with learned functions ({string.Join(", ", names)}), not \"{selection.Layer}\".");
        }

        var strongest = layers.SelectMany(layer => layer.Edges).OrderByDescending(edge => edge.Share).Take(selection.Most).ToHashSet();
        return [.. layers.Select(layer => layer with { Edges = [.. layer.Edges.Where(strongest.Contains)] })];
    }

    private static void Check(string option, int? value, int count, string layer)
    {
        if (value < 0 || value >= count)
        {
            throw new BadInputException($"--{option} must be from 0 to {count - 1} in the layer {layer}, not {value}.");
        }
    }

    private static IEnumerable<(string Name, IEdgeFunctions Functions)> Parts(TrainedModel model)
    {
        using var reader = model.Checkpoint.Read();
        foreach (var definition in model.Definition.Layers)
        {
            using var scope = NewDisposeScope();
            using var off = no_grad();
            var values = definition.Parameters.ToDictionary(parameter => parameter.Name, parameter => Value(reader, parameter), StringComparer.Ordinal);
            foreach (var part in definition.Build(values).EdgeFunctions)
            {
                yield return part;
            }
        }
    }

    private static Tensor Value(CheckpointReader reader, ParameterDefinition parameter)
    {
        var value = empty([.. parameter.Shape], ScalarType.Float64);
        reader.ReadTrainedInto(parameter.Name, value);
        return value;
    }

    private static LearnedLayer Sample(string name, IEdgeFunctions functions, EdgeSelection selection)
    {
        var variances = new double[functions.Inputs, functions.Outputs];
        for (var input = 0; input < functions.Inputs; input++)
        {
            var (_, values) = Values(name, functions, input);
            for (var output = 0; output < functions.Outputs; output++)
            {
                variances[input, output] = Variance(Column(values, output, functions.Outputs));
            }
        }

        var totals = Enumerable.Range(0, functions.Outputs)
            .Select(output => Enumerable.Range(0, functions.Inputs).Sum(input => variances[input, output])).ToArray();
        var wanted = (from input in Enumerable.Range(0, functions.Inputs)
                      from output in Enumerable.Range(0, functions.Outputs)
                      where selection.Takes(input, output)
                      select (Input: input, Output: output, Share: totals[output] > 0 ? variances[input, output] / totals[output] : 0)).ToArray();
        var edges = new List<LearnedEdge>();
        foreach (var group in wanted.OrderByDescending(edge => edge.Share).Take(selection.Most).GroupBy(edge => edge.Input))
        {
            var (places, values) = Values(name, functions, group.Key);
            edges.AddRange(group.Select(edge => new LearnedEdge(
                edge.Input, edge.Output, Math.Sqrt(variances[edge.Input, edge.Output]), edge.Share, places, Column(values, edge.Output, functions.Outputs))));
        }

        return new(name, functions.Inputs, functions.Outputs, wanted.Length, [.. edges.OrderBy(edge => edge.Input).ThenBy(edge => edge.Output)]);
    }

    /// <returns>The places, and all outputs of the first, of the second, ...</returns>
    private static (double[] Places, double[] Values) Values(string name, IEdgeFunctions functions, int input)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var (low, high) = functions.RangeOf(input);
        double[] places = [.. Enumerable.Range(0, Points).Select(i => low + ((high - low) * i / (Points - 1)))];
        using var values = functions.Evaluate(input, tensor(places)).contiguous().data<double>();
        var all = values.ToArray();
        var wrong = Array.FindIndex(all, value => !double.IsFinite(value));
        return wrong < 0 ? (places, all) : throw new BadInputException(
            $"{name}: the function from input {input} to output {wrong % functions.Outputs} is {all[wrong]} at {places[wrong / functions.Outputs]}; the training has diverged.");
    }

    private static double[] Column(double[] values, int output, int outputs) =>
        [.. Enumerable.Range(0, Points).Select(point => values[(point * outputs) + output])];

    private static double Variance(double[] values)
    {
        var mean = values.Average();
        return values.Average(value => (value - mean) * (value - mean));
    }
}
