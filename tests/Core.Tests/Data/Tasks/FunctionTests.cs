using Pipeline.Core.Data.Tasks;

namespace Pipeline.Core.Tests.Data.Tasks;

public class FunctionTests
{
    private static readonly FunctionSettings Data = new(["exp(sin(pi*x1) + x2^2)", "x1 - x2"], Range: [-2, 1], Points: 30, TestPoints: 20);

    [Theory]
    [InlineData("1 + 2 * 3", 7)]
    [InlineData("(1 + 2) * 3", 9)]
    [InlineData("7 - 2 - 1", 4)]
    [InlineData("8 / 4 / 2", 1)]
    [InlineData("2 ^ 3 ^ 2", 512)]
    [InlineData("-2 ^ 2", -4)]
    [InlineData("2 ^ -1", 0.5)]
    [InlineData("2 * -3 + +1", -5)]
    [InlineData("--2", 2)]
    [InlineData("1.5e1 - 1e-1 + .25", 15.15)]
    [InlineData("x1 * x3 - x2", 18)]
    [InlineData("e", Math.E)]
    [InlineData("2*e", 2 * Math.E)]
    [InlineData("abs(-pi)", Math.PI)]
    [InlineData("sqrt(16) + log(exp(2)) + cos(0) + tanh(0) + sin(0)", 7)]
    public void An_expression_has_its_value(string text, double value)
    {
        var (function, problem) = Expression.Parse(text, 3);
        Assert.Null(problem);
        Assert.Equal(value, function!([4, 2, 5]), 1e-12);
    }

    [Theory]
    [InlineData("", "\"\": a number, x1 to x2, pi, e, sin, cos, exp, log, sqrt, tanh, abs or ( must stand at column 1, where it ends")]
    [InlineData("1 +", "\"1 +\": a number, x1 to x2, pi, e, sin, cos, exp, log, sqrt, tanh, abs or ( must stand at column 4, where it ends")]
    [InlineData("x3", "\"x3\": a number, x1 to x2, pi, e, sin, cos, exp, log, sqrt, tanh, abs or ( must stand at column 1, not \"x\"")]
    [InlineData("2 * tan(x1)", "\"2 * tan(x1)\": a number, x1 to x2, pi, e, sin, cos, exp, log, sqrt, tanh, abs or ( must stand at column 5, not \"t\"")]
    [InlineData("sin x1", "\"sin x1\": ( must stand after sin at column 5, not \"x\"")]
    [InlineData("(1", "\"(1\": an operator or ) must stand at column 3, where it ends")]
    [InlineData("1 2", "\"1 2\": an operator must stand at column 3, not \"2\"")]
    [InlineData("1)", "\"1)\": an operator must stand at column 2, not \")\"")]
    [InlineData("1..2", "\"1..2\": a number must stand at column 1, not \"1\"")]
    public void What_is_no_expression_is_refused_with_its_column(string text, string problem) =>
        Assert.Equal(problem, Expression.Parse(text, 2).Problem);

    [Fact]
    public void Nothing_is_nested_without_end()
    {
        Assert.Contains("deep", Expression.Parse(new string('(', 100_000), 1).Problem, StringComparison.Ordinal);
        Assert.Contains("deep", Expression.Parse(string.Concat(Enumerable.Repeat("2^", 100_000)), 1).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Targets_are_the_functions_values()
    {
        var step = TaskJob.Step<double>(Data, false, 1, 30);
        Assert.All(step, point => Assert.Equal([Math.Exp(Math.Sin(Math.PI * point.Inputs[0]) + Math.Pow(point.Inputs[1], 2)), point.Inputs[0] - point.Inputs[1]], point.Targets));
        Assert.All(step.SelectMany(point => point.Inputs), x => Assert.InRange(x, -2, 1));
        Assert.Equal(60, step.SelectMany(point => point.Inputs).Distinct().Count());
    }

    [Fact]
    public void Steps_take_one_point_after_another_and_begin_again()
    {
        var all = TaskJob.Step<double>(Data, false, 1, 30).Select(point => point.Inputs[0]).ToArray();
        var taken = Enumerable.Range(1, 9).SelectMany(step => TaskJob.Step<double>(Data, false, step, 10, 2)).Select(point => point.Inputs[0]);
        Assert.Equal([.. all, .. all, .. all], taken);
        var held = TaskJob.Step<double>(Data, true, 0, 20).Select(point => point.Inputs[0]).ToArray();
        Assert.Empty(held.Intersect(all));
        Assert.Equal([.. held, .. held], TaskJob.Step<double>(Data, true, 0, 40).Select(point => point.Inputs[0]));
        Assert.Empty(TaskJob.Step<double>(Data, false, 1, 30, seed: 2).Select(point => point.Inputs[0]).Intersect(all));
    }

    [Fact]
    public void Sizes_are_those_of_the_settings()
    {
        using var opened = Data.Open(".");
        var samples = opened.Samples(TaskJob.Of(Data, sequences: 12, microBatches: 4));
        Assert.Null(opened.Vocabulary);
        Assert.False(Data.IsScored);
        Assert.Equal((2, 2, 2, 3), (samples.Context, samples.Outputs, samples.TargetsPerSequence, samples.SequencesPerMicroBatch));
    }

    [Fact]
    public void A_function_that_has_no_value_somewhere_is_refused()
    {
        var data = new FunctionSettings(["x1", "log(x1)"], Inputs: 1);
        using var opened = data.Open(".");
        Assert.Matches(@"^data\.formula: log\(x1\) is not a finite number at x1 = -0\.\d+; data\.range says what the inputs are drawn from\.$",
            Assert.Throws<BadInputException>(() => opened.Samples(TaskJob.Of(data))).Message);
    }

    [Theory]
    [InlineData("data.formula must have at least one expression")]
    [InlineData("data.formula \"x3\": a number, x1 to x2, pi, e, sin, cos, exp, log, sqrt, tanh, abs or ( must stand at column 1, not \"x\"", "x1", "x3")]
    public void A_wrong_formula_is_said(string problem, params string[] formula) => Assert.Equal(problem, TaskJob.Problem(new FunctionSettings(formula)));

    [Theory]
    [InlineData("data.points times data.inputs, or the expressions of data.formula if these are more, must be at most 2147483591, not 10000000000", 1000, 10_000_000, 1)]
    [InlineData("data.test-points times data.inputs, or the expressions of data.formula if these are more, must be at most 2147483591, not 3000000000", 300, 1, 10_000_000)]
    [InlineData(null, 214, 10_000_000, 10_000_000)]
    public void More_numbers_than_an_array_has_are_refused(string? problem, int inputs, int points, int testPoints)
    {
        Assert.Equal(problem, TaskJob.Problem(new FunctionSettings(["x1"], inputs, Points: points, TestPoints: testPoints)));
        Assert.Equal(problem, TaskJob.Problem(new FunctionSettings([.. Enumerable.Repeat("x1", inputs)], 1, Points: points, TestPoints: testPoints)));
    }

    [Theory]
    [InlineData("data.range must be two numbers, the lower one first, not [1, -1]", 1.0, -1.0)]
    [InlineData("data.range must be two numbers, the lower one first, not [1]", 1.0)]
    [InlineData("data.range must be two numbers, the lower one first, not [1, 1]", 1.0, 1.0)]
    public void A_wrong_range_is_said(string problem, params double[] range) => Assert.Equal(problem, TaskJob.Problem(new FunctionSettings(["x1"], Range: range)));
}
