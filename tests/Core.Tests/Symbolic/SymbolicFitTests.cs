using Pipeline.Core.Symbolic;

namespace Pipeline.Core.Tests.Symbolic;

public class SymbolicFitTests
{
    [Theory]
    [InlineData("x", 1, 0, -0.5, 2, "-0.5*x + 2")]
    [InlineData("x^2", 1, 0, 1, 0, "x^2")]
    [InlineData("x^2", 1, 0.25, -1, 0.5, "-(x + 0.25)^2 + 0.5")]
    [InlineData("1/x", 1, 1.5, 2.5, -1, "2.5/(x + 1.5) - 1")]
    [InlineData("1/x", 1, 1.5, -1, 0, "-1/(x + 1.5)")]
    [InlineData("sqrt", -1, 1, 3, 0, "3*sqrt(-x + 1)")]
    [InlineData("sin", 3.14159265, 1e-5, 0.99999, 1e-6, "sin(3.142*x)")]
    [InlineData("sin", 1, -1.5, 12345, 0, "1.234e+04*sin(x - 1.5)")]
    [InlineData("abs", 1, 0.1, 1, 0, "|x + 0.1|")]
    [InlineData("gaussian", 2, 0, 0.001234567, 0, "0.001235*exp(-(2*x)^2)")]
    public void The_formula_has_the_constants_that_matter(string name, double a, double b, double c, double d, string expected) =>
        Assert.Equal(expected, Fit(name, a, b, c, d).Formula);

    [Fact]
    public void A_formula_can_be_of_another() =>
        Assert.Equal("exp(0.5*(3*(x0 + 1)^2 + 1)) - 1", Fit("exp", 0.5, 0, 1, -1).Write(Fit("x^2", 1, 1, 3, 1).Write("x0")));

    private static SymbolicFit Fit(string name, double a, double b, double c, double d) =>
        new(SymbolicLibrary.All.Single(candidate => candidate.Name == name), new(a, b, c, d), 1, 1, 1);
}
