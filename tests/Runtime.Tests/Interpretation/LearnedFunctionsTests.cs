using Pipeline.Core;
using Pipeline.Runtime.Interpretation;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Interpretation;

public class LearnedFunctionsTests
{
    /// <summary>Ranges are [i, i + 2]; the function is amplitude times sin(pi t), of which the mean over whole periods is 0 and the variance 1/2.</summary>
    private sealed class Waves(double[,] amplitudes) : IEdgeFunctions
    {
        public int Inputs => amplitudes.GetLength(0);

        public int Outputs => amplitudes.GetLength(1);

        public int Evaluated { get; private set; }

        public (double Low, double High) RangeOf(int input) => (input, input + 2);

        public Tensor Evaluate(int input, Tensor points)
        {
            Assert.Equal(ScalarType.Float64, points.dtype);
            Evaluated++;
            var row = tensor([.. Enumerable.Range(0, Outputs).Select(output => amplitudes[input, output])]);
            return (points * tensor(Math.PI)).sin().outer(row);
        }
    }

    private readonly Waves first = new(new double[,] { { 3, 0, 1 }, { 4, 0, 2 } });
    private readonly Waves second = new(new double[,] { { 1 }, { 0.5 }, { 0.25 } });

    private IReadOnlyList<LearnedLayer> Select(EdgeSelection selection) => LearnedFunctions.Select([("first", first), ("second", second)], selection);

    [Fact]
    public void All_functions_come_with_their_places_values_and_shares()
    {
        var layers = Select(new());
        Assert.Equal([("first", 2, 3, 6L), ("second", 3, 1, 3L)], layers.Select(layer => (layer.Name, layer.Inputs, layer.Outputs, layer.Wanted)));
        Assert.Equal([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)], layers[0].Edges.Select(edge => (edge.Input, edge.Output)));
        double[] shares = [9 / 25.0, 0, 0.2, 16 / 25.0, 0, 0.8];
        Assert.Equal(shares, layers[0].Edges.Select(edge => edge.Share), (one, other) => Math.Abs(one - other) < 1e-9);
        var edge = layers[0].Edges[5];
        Assert.Equal((1.0, 3.0), (edge.X[0], edge.X[^1]));
        Assert.All(edge.X.Zip(edge.Y), pair => Assert.Equal(2 * Math.Sin(Math.PI * pair.First), pair.Second, 1e-12));
        Assert.Equal(2 / Math.Sqrt(2), edge.Deviation, 0.01);   // the end of the last period counts twice
    }

    [Fact]
    public void The_strongest_of_all_layers_are_taken()
    {
        var layers = Select(new(Most: 3));
        Assert.Equal([(1, 0), (1, 2)], layers[0].Edges.Select(edge => (edge.Input, edge.Output)));
        Assert.Equal([(0, 0)], layers[1].Edges.Select(edge => (edge.Input, edge.Output)));
        Assert.Equal([6L, 3L], layers.Select(layer => layer.Wanted));
    }

    [Fact]
    public void A_selection_takes_a_layer_an_input_and_an_output()
    {
        var only = Assert.Single(Select(new("first", Input: 1, Output: 0)));
        Assert.Equal((1, 0, 0.64), (only.Edges[0].Input, only.Edges[0].Output, Math.Round(only.Edges[0].Share, 9)));
        Assert.Equal(1, only.Wanted);
        Assert.Equal(0, second.Evaluated);
        Assert.Equal([2L, 3L], Select(new(Output: 0)).Select(layer => layer.Wanted));
    }

    [Theory]
    [InlineData("third", null, null, "--layer must be one of the model's layers with learned functions (first, second), not \"third\".")]
    [InlineData("second", 3, null, "--input must be from 0 to 2 in the layer second, not 3.")]
    [InlineData(null, null, 1, "--output must be from 0 to 0 in the layer second, not 1.")]
    public void What_is_not_there_is_said(string? layer, int? input, int? output, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => Select(new(layer, input, output))).Message);

    [Fact]
    public void A_function_that_is_not_finite_has_no_picture()
    {
        var failure = Assert.Throws<BadInputException>(() => LearnedFunctions.Select([("wild", new Waves(new double[,] { { 1, double.NaN } }))], new()));
        Assert.Equal("wild: the function from input 0 to output 1 is NaN at 0; the training has diverged.", failure.Message);
    }
}
