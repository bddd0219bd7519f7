using Pipeline.Stages.Kan;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Kan;

public class KanNetworkTests
{
    private static readonly Pass Double = new(1, 1, 0, Training: true, ScalarType.Float64);

    public static TheoryData<string> Kinds => ["spline", "gaussian", "rational"];

    /// <summary>efficient-kan's, FastKAN's and pykan's: (G + k + 2) numbers an edge, and no biases; 8 Gaussians, a base with biases and a norm; and
    /// 6 + 4 groups numbers an activation, where 784 = 8 * 98.</summary>
    [Theory]
    [InlineData("spline", "784 64 10", 508_160)]
    [InlineData("spline", "2 5 1", 150)]
    [InlineData("gaussian", "784 64 10", 459_114)]
    [InlineData("rational", "784 64 10", 50_816 + 74 + (2 * 38))]
    [InlineData("rational", "2 5 1", 15 + 6 + 14 + 10)]
    public void A_network_has_the_parameters_of_its_reference(string kind, string widths, long parameters) =>
        Assert.Equal(parameters, Define(Of(kind, widths)).ParameterCount);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gradients_reach_every_parameter_that_is_optimized_and_the_input(string kind)
    {
        using var scope = NewDisposeScope();
        var model = Define(Of(kind, "3 4 2"));
        var values = Values(model);
        var input = Draw(20, 3).requires_grad_(true);
        var output = Run(model, values, input);
        Assert.Equal([20L, 2L], output.shape);
        Assert.Equal(ScalarType.Float64, output.dtype);
        model.Objective.Loss(output, Draw(20, 2), Double).backward();
        Assert.True(input.grad!.ne(0).all().item<bool>());
        Assert.All(model.Parameters, parameter =>
        {
            var gradient = values[parameter.Name].grad;
            Assert.Equal(parameter.IsOptimized, gradient is not null);
            Assert.True(gradient is null || (gradient.isfinite().all().item<bool>() && gradient.ne(0).any().item<bool>()), parameter.Name);
        });
    }

    /// <summary>Samples come as float32, or float64, and are cast to what the pass computes in.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Computing_in_another_type_gives_nearly_the_same(string kind)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = Define(Of(kind, "3 4 2"));
        var values = Values(model);
        var input = Draw(20, 3);
        var exact = Run(model, values, input);
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 1e-5), (ScalarType.BFloat16, 0.1) })
        {
            var output = Run(model, values, input, Double with { Compute = type });
            Assert.Equal(type, output.dtype);
            Assert.Equal(0, (output.to(ScalarType.Float64) - exact).abs().max().item<double>(), tolerance * exact.abs().max().item<double>());
        }
    }

    [Fact]
    public void It_grows_layer_by_layer_to_the_function_that_it_was()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = Define(Of("spline", "2 5 1") with { Refine = [10, 50], RefineEvery = 200 });
        var values = Values(model);
        var input = Draw(50, 2);
        var value = input;
        foreach (var (index, layer) in model.Layers.Select(layer => layer.Build(values)).Index())
        {
            Assert.Equal(index is 0 or 3, layer.Adapt(value, Double).Count == 0);   // the ends have no grid
            value = layer.Forward(value, Double);
        }

        Assert.Equal([150, 150, 225, 225, 825], new long[] { 0, 199, 200, 399, 400 }.Select(step => model.At(step).ParameterCount));

        var (before, grown) = (Run(model, values, input), model);
        foreach (var step in new[] { 200, 400 })
        {
            Assert.Equal(step, grown.Growth!.Value.Step);
            grown = grown.Growth.Value.Model;
            Assert.Equal(step, grown.Began);
            Assert.Equal(step, model.At(step + 1).Began);
            foreach (var layer in grown.Layers)
            {
                foreach (var (name, larger) in layer.Grow?.Invoke(values) ?? new Dictionary<string, Tensor>())
                {
                    values[name] = larger;
                }
            }

            Assert.All(grown.Parameters, parameter => Assert.Equal(parameter.Shape, values[parameter.Name].shape));
            Assert.Equal(0, (Run(grown, values, input) - before).abs().max().item<double>(), 1e-10);
        }

        Assert.Null(grown.Growth);
        Assert.Equal(0, model.At(199).Began);
    }

    [Fact]
    public void Grids_are_updated_as_the_settings_say()
    {
        var settings = Of("spline", "2 5 1");
        var due = Enumerable.Range(1, 100).Where(step => Define(settings).Adaptation!.IsDue(step));
        Assert.Equal(Enumerable.Range(1, 10).Select(i => 5 * i), due);
        Assert.Equal(new Adaptation(3, 7, 11), Define(settings with { Refine = [10], GridUpdateEvery = 3, GridUpdateUntil = 7 }).Growth!.Value.Model.Adaptation);
        Assert.Null(Define(settings with { GridUpdateEvery = 0 }).Adaptation);
        Assert.Null(Define(Of("gaussian", "2 5 1")).Adaptation);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_sample_s_outputs_are_its_own(string kind)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = Define(Of(kind, "3 4 2"));
        var values = Values(model);
        var input = Draw(20, 3);
        // A matrix product of one row rounds in another order.
        Assert.Equal(0, (Run(model, values, input).narrow(0, 7, 1) - Run(model, values, input.narrow(0, 7, 1))).abs().max().item<double>(), 1e-13);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Edge_functions_of_Gaussians_add_up_to_the_output(bool norm)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = Define(Of("gaussian", "3 2") with { LayerNorm = norm, Range = [-1, 3], Gaussians = 5 });
        var values = Values(model);
        var layer = model.Layers[1].Build(values);
        var (name, functions) = Assert.Single(layer.EdgeFunctions);
        Assert.Equal(("layers.0", 3, 2, (-1.0, 3.0)), (name, functions.Inputs, functions.Outputs, functions.RangeOf(1)));
        var input = Draw(20, 3);
        var seen = norm ? nn.functional.layer_norm(input, [3]) : input;
        var sum = Enumerable.Range(0, 3).Select(i => functions.Evaluate(i, seen.narrow(1, i, 1).squeeze(1))).Aggregate((left, right) => left + right);
        var rest = norm ? nn.functional.linear(nn.functional.silu(input), values["layers.0.base_linear.weight"]) : zeros(1);
        Assert.Equal(0, (layer.Forward(input, Double) - values["layers.0.base_linear.bias"] - rest - sum).abs().max().item<double>(), 1e-12);
    }

    /// <summary>A Gaussian's value at its own centre is 1, and 1/e one step away.</summary>
    [Fact]
    public void Gaussians_are_as_wide_as_they_are_apart()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = Define(Of("gaussian", "1 1"));
        Assert.DoesNotContain(model.Parameters, parameter => parameter.Name.Contains("norm", StringComparison.Ordinal));
        var values = Values(model);
        values["layers.0.spline_linear.weight"].zero_()[0, 3] = 1;
        values["layers.0.base_linear.weight"].zero_();
        var center = -2 + (3 * 4.0 / 7);
        var output = Run(model, values, tensor(new[] { center, center + (4.0 / 7), center - (8.0 / 7) }).unsqueeze(1)).flatten().data<double>().ToArray();
        Assert.Equal([1, Math.Exp(-1), Math.Exp(-4)], output.Select(value => Math.Round(value, 14)), (left, right) => Math.Abs(left - right) < 1e-13);
    }

    [Fact]
    public void The_objective_is_the_sum_of_squared_errors()
    {
        using var scope = NewDisposeScope();
        var (output, targets) = (tensor(new[] { 1.0, 2, 3, 4 }).view(2, 2), tensor(new[] { 1f, 1, 1, 1 }).view(2, 2));
        var loss = SquaredError.Instance.Loss(output, targets, Double);
        Assert.Equal((14, ScalarType.Float64), (loss.item<double>(), loss.dtype));
        Assert.Equal(ScalarType.Float32, SquaredError.Instance.Loss(output, targets, Double with { Compute = ScalarType.BFloat16 }).dtype);
        Assert.Null(SquaredError.Instance.Score(output, targets));
    }

    [Fact]
    public void Settings_that_do_not_fit_each_other_are_refused()
    {
        var good = Of("spline", "2 5 1");
        Assert.Null((good with { Range = [-1, 1], Refine = [10, 50] }).Problem());
        Refused(good with { Refine = [12] }, "model.refine has 12 after 5 intervals; allowed are larger multiples of these");
        Refused(good with { Refine = [10, 25] }, "model.refine has 25 after 10 intervals");
        Refused(good with { Refine = [10, 10] }, "model.refine has 10 after 10 intervals");
        Refused(good with { Kind = "gaussian", Refine = [10] }, "model.refine is given, and only splines can be refined; model.kind is gaussian");
        Refused(good with { Range = [1] }, "model.range must be a list of 2 numbers, the least and the greatest, not of 1");
        Refused(good with { Range = [0.5, 0.5] }, "model.range must be a list of 2 numbers, the second greater than the first, 0.5, not 0.5");
        Refused(Of("spline", "2"), "model.widths must be a list of 2 numbers or more, the inputs and the outputs of each layer, not of 1");
        Refused(good with { Widths = [] }, "model.widths must be a list of 2 numbers or more");
        Assert.Equal((2, 1, null), (good.Layers, good.Context, good.Vocabulary));

        static void Refused(KanSettings settings, string sentence) => Assert.StartsWith(sentence, settings.Problem(), StringComparison.Ordinal);
    }

    private static KanSettings Of(string kind, string widths) => new("kan", [.. widths.Split(' ').Select(int.Parse)], kind);

    private static ModelDefinition Define(KanSettings settings) => new KanNetwork().Define(settings, 0);

    private static Dictionary<string, Tensor> Values(ModelDefinition model)
    {
        using var noGradient = no_grad();
        using var generator = new Generator(7);
        return model.Parameters.ToDictionary(parameter => parameter.Name, parameter =>
        {
            var value = empty([.. parameter.Shape], ScalarType.Float64);
            parameter.Initialization.Fill(value, generator);
            return value.requires_grad_(true);
        }, StringComparer.Ordinal);
    }

    private static Tensor Run(ModelDefinition model, Dictionary<string, Tensor> values, Tensor input, Pass? pass = null) =>
        model.Layers.Aggregate(input, (value, layer) => layer.Build(values).Forward(value, pass ?? Double));

    private static Tensor Draw(params long[] shape)
    {
        using var generator = new Generator(5);
        return randn(shape, ScalarType.Float64, generator: generator) * 0.5;
    }
}
