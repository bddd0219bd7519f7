using Pipeline.Stages.Kan;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.SafeTensors;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Kan;

/// <summary>Layers of efficient-kan's form with their parameters, inputs, outputs and gradients in float64; tolerance 1e-12.</summary>
public class SplineLayerGoldenTests
{
    private const string Name = "kan";

    private static readonly string[] Optimized = ["base_weight", "spline_weight", "spline_scaler"];

    [Fact]
    public void Outputs_bases_and_gradients_are_those_of_the_files() => Assert.All(Goldens.Files("*.safetensors", Name), Compare);

    private static void Compare(string path)
    {
        using var scope = NewDisposeScope();
        using var file = SafeTensorsFile.Open(path);
        var parameters = Optimized.Append("grid").ToDictionary(name => $"{Name}.{name}", file.Read, StringComparer.Ordinal);
        var (weight, knots) = (file.Entries["spline_weight"].Shape, file.Entries["grid"].Shape[1]);
        var order = (int)(knots - 1 - weight[2]);
        var settings = new SplineLayerSettings((int)weight[1], (int)weight[0], (int)weight[2] - order, order, -1, 1, 0.02);
        AssertClose("bases", BSpline.Bases(file.Read("x"), parameters[$"{Name}.grid"], order));

        foreach (var name in Optimized)
        {
            parameters[$"{Name}.{name}"].requires_grad_(true);
        }

        var input = file.Read("x").requires_grad_(true);
        var output = new SplineLayer(settings, Name, parameters).Forward(input, new Pass(1, 1, 0, Training: true, ScalarType.Float64));
        AssertClose("y", output);
        output.backward([file.Read("grad_y")]);
        AssertClose("grad_x", input.grad!);
        Assert.All(Optimized, name => AssertClose($"grad_{name}", parameters[$"{Name}.{name}"].grad!));

        void AssertClose(string name, Tensor actual)
        {
            var expected = file.Read(name);
            Assert.Equal(expected.shape, actual.shape);
            var distance = (expected - actual).abs().max().item<double>();
            Assert.True(distance <= 1e-12, $"{name} of {path} is {distance} away.");
        }
    }
}
