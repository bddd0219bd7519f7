using Pipeline.Stages.Reasoners;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

public class StablemaxTests
{
    /// <summary>s(1) = 2, s(-1) = 1/2: -log(2 / 2.5).</summary>
    [Theory]
    [InlineData(0, 0.22314355131420976)]
    [InlineData(1, 1.6094379124341003)]
    public void It_is_the_closed_form(long label, double expected)
    {
        using var scope = NewDisposeScope();
        var loss = Stablemax.CrossEntropy(tensor([1f, -1f], [1L, 2L]), tensor([label]));
        Assert.Equal((ScalarType.Float64, expected), (loss.dtype, Math.Round(loss.item<double>(), 15)), EqualityComparer<(ScalarType, double)>.Create(
            (x, y) => x.Item1 == y.Item1 && Math.Abs(x.Item2 - y.Item2) < 1e-14));
    }

    /// <summary>d loss / d x_i = s'(x_i) (1 / sum s - [i is the label] / s(x_i)), with s' = 1 from 0 on and s^2 below; at 0 and 1 too, where the other
    /// branch has a border and a pole.</summary>
    [Fact]
    public void Its_gradient_is_the_formulas()
    {
        using var scope = NewDisposeScope();
        double[] x = [0, 1, -1, -3.5, 2.25, -1e6, 1e6, -0.0];
        for (var label = 0; label < x.Length; label++)
        {
            var logits = tensor(x, [1L, x.Length]).requires_grad_(true);
            Stablemax.CrossEntropy(logits, tensor([(long)label])).sum().backward();
            var weights = x.Select(value => value >= 0 ? value + 1 : 1 / (1 - value)).ToArray();
            var gradient = logits.grad!.data<double>().ToArray();
            for (var i = 0; i < x.Length; i++)
            {
                var slope = x[i] >= 0 ? 1 : weights[i] * weights[i];
                Assert.Equal(slope * ((1 / weights.Sum()) - (i == label ? 1 / weights[i] : 0)), gradient[i], 1e-14);
            }
        }
    }
}
