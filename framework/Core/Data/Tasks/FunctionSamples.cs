using System.Globalization;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data.Tasks;

/// <summary>Points of a function, drawn once: each step takes the next ones, and after the last the first.</summary>
internal sealed class FunctionSamples : ISamples<double>
{
    private readonly FunctionSettings settings;
    private readonly SampleOrder order;
    private readonly (double[] Inputs, double[] Outputs) training;
    private readonly (double[] Inputs, double[] Outputs) validation;

    /// <exception cref="BadInputException">The function has no finite value at a point.</exception>
    public FunctionSamples(FunctionSettings settings, JobFile job)
    {
        this.settings = settings;
        order = new(job);
        var functions = settings.Formula.Select(formula => Expression.Parse(formula, settings.Inputs).Value!).ToArray();
        training = Draw(functions, job.Job.Seed, held: false);
        validation = Draw(functions, job.Job.Seed, held: true);
    }

    public int Context => settings.Inputs;

    public int Outputs => settings.Formula.Count;

    public int SequencesPerMicroBatch => order.SequencesPerMicroBatch;

    public int TargetsPerSequence => Outputs;

    public void Read(bool validation, ReadOnlySpan<long> batches, int microBatch, bool targets, Span<double> values)
    {
        var (width, points) = (targets ? Outputs : Context, validation ? this.validation : training);
        var (from, count) = (targets ? points.Outputs : points.Inputs, validation ? settings.TestPoints : settings.Points);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, SequencesPerMicroBatch * width);
        for (var i = 0; i < SequencesPerMicroBatch; i++)
        {
            var point = (int)(order.Index(validation, batches[i], microBatch, i) % count);
            from.AsSpan(point * width, width).CopyTo(values[(i * width)..]);
        }
    }

    private (double[] Inputs, double[] Outputs) Draw(IReadOnlyList<Func<double[], double>> functions, long seed, bool held)
    {
        var count = held ? settings.TestPoints : settings.Points;
        var (inputs, outputs, x) = (new double[count * Context], new double[count * Outputs], new double[Context]);
        var (low, high) = (settings.Range[0], settings.Range[1]);
        for (var point = 0; point < count; point++)
        {
            var random = RandomStream.Of(seed, FunctionSettings.Name, held, point);
            for (var i = 0; i < x.Length; i++)
            {
                x[i] = low + ((high - low) * random.Unit());
            }

            x.CopyTo(inputs.AsSpan(point * Context));
            for (var i = 0; i < functions.Count; i++)
            {
                outputs[(point * Outputs) + i] = functions[i](x) is var y && double.IsFinite(y) ? y : throw new BadInputException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"data.formula: {settings.Formula[i]} is not a finite number at {string.Join(", ", x.Select((value, n) => $"x{n + 1} = {value:G4}"))}; data.range says what the inputs are drawn from."));
            }
        }

        return (inputs, outputs);
    }
}
