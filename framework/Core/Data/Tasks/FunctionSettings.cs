using System.Globalization;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Regression on a formula: real numbers in, real numbers out.</summary>
/// <param name="Formula">An expression of <c>x1</c>, <c>x2</c>, ...; with several, each is an output.</param>
/// <param name="Inputs">How many variables there are.</param>
/// <param name="Range">What the inputs are drawn from, evenly.</param>
/// <param name="Points">For training: each step takes the next ones.</param>
/// <param name="TestPoints">For validation.</param>
public sealed record FunctionSettings(
    IReadOnlyList<string> Formula,
    [Limits(1, 1000)] int Inputs = 2,
    IReadOnlyList<double>? Range = null,
    [Limits(1, 10_000_000)] int Points = 1000,
    [Limits(1, 10_000_000)] int TestPoints = 1000,
    string Kind = FunctionSettings.Name)
    : DataSettings(Kind)
{
    public const string Name = "function";

    public IReadOnlyList<double> Range { get; init; } = Range ?? [-1, 1];

    public override IEnumerable<string> Problems(JobFile job)
    {
        if (Formula.Count == 0)
        {
            yield return "data.formula must have at least one expression";
        }

        foreach (var problem in Formula.Select(formula => Expression.Parse(formula, Inputs).Problem).OfType<string>())
        {
            yield return $"data.formula {problem}";
        }

        foreach (var (key, points) in new[] { ("points", Points), ("test-points", TestPoints) })
        {
            if ((long)points * Math.Max(Inputs, Formula.Count) is var numbers && numbers > Array.MaxLength)
            {
                yield return string.Create(
                    CultureInfo.InvariantCulture,
                    $"data.{key} times data.inputs, or the expressions of data.formula if these are more, must be at most {Array.MaxLength}, not {numbers}");
            }
        }

        if (Range is not [var low, var high] || low >= high)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"data.range must be two numbers, the lower one first, not [{string.Join(", ", Range)}]");
        }
    }

    public override IDataset Open(string folder, IReadOnlyList<DataFile>? frozen = null) => new GeneratedDataset(
        null,
        string.Create(CultureInfo.InvariantCulture, $"{Points:N0} points of {string.Join(", ", Formula)}"),
        job => new FunctionSamples(this, job));
}
