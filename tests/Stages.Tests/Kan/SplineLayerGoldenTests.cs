using Pipeline.Stages.Kan;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Kan;

/// <summary>Layers of efficient-kan's form with their parameters, inputs, outputs and gradients in float64; tolerance 1e-12.</summary>
public class SplineLayerGoldenTests
{
    public static TheoryData<string> Files => [.. Goldens.Files("*.safetensors", "kan")];

    [Theory]
    [MemberData(nameof(Files))]
    public void Outputs_bases_and_gradients_are_those_of_the_file(string path)
    {
        using var scope = NewDisposeScope();
        using var file = SafeTensorsFile.Open(path);
        string[] names = ["base_weight", "spline_weight", "spline_scaler", "grid"];
        var parameters = names.ToDictionary(name => $"kan.{name}", file.Read, StringComparer.Ordinal);
        var (weight, grid) = (file.Entries["spline_weight"].Shape, file.Entries["grid"].Shape);
        var order = (int)(grid[1] - 1 - weight[2]);
        var settings = new SplineLayerSettings((int)weight[1], (int)weight[0], (int)weight[2] - order, order, -1, 1, 0.02);
        AssertClose(file.Read("bases"), BSpline.Bases(file.Read("x"), parameters["kan.grid"], order), "bases");

        foreach (var name in names[..3])
        {
            parameters[$"kan.{name}"].requires_grad_(true);
        }

        var input = file.Read("x").requires_grad_(true);
        var output = new SplineLayer(settings, "kan", parameters).Forward(input, new Pass(1, 1, 0, Training: true, ScalarType.Float64));
        AssertClose(file.Read("y"), output, "y");
        output.backward([file.Read("grad_y")]);
        AssertClose(file.Read("grad_x"), input.grad!, "x");
        Assert.All(names[..3], name => AssertClose(file.Read($"grad_{name}"), parameters[$"kan.{name}"].grad!, name));
    }

    private static void AssertClose(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var distance = (expected - actual).abs().max().item<double>();
        Assert.True(distance <= 1e-12, $"{what} is {distance} away.");
    }
}
