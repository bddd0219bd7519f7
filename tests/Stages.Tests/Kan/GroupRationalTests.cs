using Pipeline.Stages.Kan;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Kan;

public class GroupRationalTests
{
    private const string Name = "act";

    private static readonly Pass Double = new(1, 1, 0, Training: true, ScalarType.Float64);

    [Fact]
    public void It_starts_as_what_it_is_to_start_as()
    {
        using var scope = NewDisposeScope();
        var x = linspace(-6, 6, 2401, ScalarType.Float64).unsqueeze(1);
        Assert.Equal(0, (Run(GroupRational.Swish, x) - nn.functional.silu(x)).abs().max().item<double>(), 1e-4);
        Assert.Equal(0, (Run(GroupRational.Identity, x) - x).abs().max().item<double>());
    }

    /// <summary>Coefficients of both signs: in the kernels' form each counts by its size.</summary>
    [Fact]
    public void It_is_the_kernels_form_group_by_group()
    {
        using var scope = NewDisposeScope();
        var values = Values(GroupRational.Swish, groups: 3);
        using (no_grad())
        {
            values[$"{Name}.weight_numerator"].copy_(tensor(new[] { 0.3, -0.2, 0.5, 0.1, -0.4, 0.7 }));
            values[$"{Name}.weight_denominator"].copy_(tensor(new[] { 0.5, -0.3, 0.2, -0.6, -1, 2, -3, 4, 0, 0, 0.1, -0.1 }).view(3, 4));
        }

        var (a, b) = (values[$"{Name}.weight_numerator"].data<double>().ToArray(), values[$"{Name}.weight_denominator"].data<double>().ToArray());
        using var generator = new Generator(3);
        var input = randn([5, 6], ScalarType.Float64, generator: generator);
        var output = new GroupRational(Name, values).Forward(input, Double);
        for (var row = 0; row < 5; row++)
        {
            for (var channel = 0; channel < 6; channel++)
            {
                var x = input[row, channel].item<double>();
                var below = 1 + Enumerable.Range(1, 4).Sum(j => Math.Abs(b[(channel / 2 * 4) + j - 1]) * Math.Pow(Math.Abs(x), j));
                Assert.Equal(a.Select((coefficient, i) => coefficient * Math.Pow(x, i)).Sum() / below, output[row, channel].item<double>(), 1e-12);
            }
        }
    }

    [Fact]
    public void Every_coefficient_learns_also_from_zero()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        foreach (var start in new[] { GroupRational.Identity, GroupRational.Swish })
        {
            var values = Values(start, groups: 8);
            new GroupRational(Name, values).Forward(randn([5, 16], ScalarType.Float64, generator: generator), Double).square().sum().backward();
            Assert.All(values, pair => Assert.True(pair.Value.grad!.ne(0).all().item<bool>(), pair.Key));
        }
    }

    [Fact]
    public void An_activation_has_38_parameters_with_8_groups() =>
        Assert.Equal(38, GroupRational.Parameters(Name, 8, GroupRational.Swish).Sum(parameter => parameter.Elements));

    private static Tensor Run(RationalStart start, Tensor input) => new GroupRational(Name, Values(start, 1)).Forward(input, Double);

    private static Dictionary<string, Tensor> Values(RationalStart start, int groups)
    {
        using var noGradient = no_grad();
        using var generator = new Generator(7);
        return GroupRational.Parameters(Name, groups, start).ToDictionary(parameter => parameter.Name, parameter =>
        {
            var value = empty([.. parameter.Shape], ScalarType.Float64);
            parameter.Initialization.Fill(value, generator);
            return value.requires_grad_(true);
        }, StringComparer.Ordinal);
    }
}
