using Pipeline.Stages.Kan;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Kan;

public class LeastSquaresTests
{
    /// <summary>With where in memory the numbers lie as the only difference.</summary>
    [Fact]
    public void The_same_question_has_the_same_answer_to_the_last_bit()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (left, right) = (randn([3, 300, 9], ScalarType.Float64, generator: generator), randn([3, 300, 4], ScalarType.Float64, generator: generator));
        var expected = LeastSquares.Solve(left, right).data<double>().ToArray();
        for (var i = 1; i < 12; i++)
        {
            var moved = empty([left.NumberOfElements + i], ScalarType.Float64).narrow(0, i, left.NumberOfElements).view(left.shape).copy_(left);
            Assert.Equal(expected, LeastSquares.Solve(moved, right.clone()).data<double>().ToArray());
        }
    }

    [Fact]
    public void What_is_left_stands_at_right_angles_on_the_columns()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var (left, right) = (randn([2, 50, 7], ScalarType.Float64, generator: generator), randn([2, 50, 3], ScalarType.Float64, generator: generator));
        var rest = right - left.matmul(LeastSquares.Solve(left, right));
        Assert.Equal(0, left.transpose(1, 2).matmul(rest).abs().max().item<double>(), 1e-12);   // sums of 50 products of about 1
    }

    [Fact]
    public void A_square_system_is_solved()
    {
        using var scope = NewDisposeScope();
        var left = tensor(new double[] { 0, 2, 3, 0 }).view(1, 2, 2);
        Assert.Equal([4.0, 3.0], LeastSquares.Solve(left, tensor(new double[] { 6, 12 }).view(1, 2, 1)).data<double>().ToArray().Select(x => Math.Round(x, 14)));
    }
}
