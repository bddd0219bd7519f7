namespace Pipeline.Core.Symbolic;

/// <summary>Where the constants of <c>f(a t + b)</c> are looked for, with t from -1 to 1 over the range of the data.</summary>
/// <param name="Starts">Tried first, all of them.</param>
/// <param name="IsFreeA">It is refined, and not only chosen from the starts.</param>
/// <param name="IsFreeB">In the same way.</param>
/// <param name="Contains">Which pairs may be: those with f's poles and branch points outside the range, and no limit in which f becomes another
/// function.</param>
public sealed record SearchSpace(
    IReadOnlyList<(double A, double B)> Starts, bool IsFreeA, bool IsFreeB, Func<double, double, bool> Contains)
{
    /// <summary>Distances of a place outside from the middle of the range; its end is 1.</summary>
    private static readonly double[] Outside = [1.0001, 1.001, 1.01, 1.03, 1.06, 1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10];

    private static readonly double[] Rates = [0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 30];

    /// <summary>Nothing to look for.</summary>
    internal static SearchSpace One { get; } = new([(1, 0)], false, false, (_, _) => true);

    /// <summary>f has its centre anywhere.</summary>
    internal static SearchSpace Anywhere { get; } = OfShifts([.. Steps(-2, 2, 40), -10, -6, -4, -3, -2.5, 2.5, 3, 4, 6, 10], b => Math.Abs(b) <= 50);

    /// <summary>f has its centre inside the range: without that it has no use for one.</summary>
    internal static SearchSpace Inside { get; } = OfShifts([.. Steps(-0.95, 0.95, 38)], b => Math.Abs(b) < 0.98);

    /// <summary>f has a pole, outside the range on either side.</summary>
    internal static SearchSpace Pole { get; } = OfShifts([.. Outside, .. Outside.Select(b => -b)], b => Math.Abs(b) is > 1 and <= 50);

    /// <summary>f is defined on one side of a place, which is at the range's end or outside.</summary>
    /// <param name="end">Whether f has a value there.</param>
    internal static SearchSpace Side(bool end) => new(
        [.. from a in new[] { 1.0, -1 } from b in Outside.Prepend(1).Where(b => end || b > 1) select (a, b)],
        false, true, (_, b) => end ? b is >= 1 and <= 50 : b is > 1 and <= 50);

    /// <summary>f's shift is a factor before it.</summary>
    internal static SearchSpace Rate { get; } = new(
        [.. from rate in Rates from a in new[] { rate, -rate } select (a, 0.0)], true, false, (a, _) => Math.Abs(a) is >= 0.1 and <= 60);

    /// <summary>From a twentieth of a period to twenty of them.</summary>
    internal static SearchSpace Periodic { get; } = new(
        [.. from a in Steps(0.4, 32, 79) from b in Steps(0, Math.PI * 7 / 8, 7) select (a, b)], true, true, (a, _) => a is >= 0.3 and <= 63);

    /// <summary>One branch of a tangent.</summary>
    internal static SearchSpace Branch { get; } = new(
        [.. from reach in new[] { 0.5, 0.8, 1, 1.2, 1.3, 1.4, 1.45, 1.5, 1.53, 1.55 } from share in Steps(-0.9, 0.9, 12) select (reach * (1 - Math.Abs(share)), reach * share)],
        true, true, (a, b) => a >= 0.05 && a + Math.Abs(b) < Math.PI / 2);

    /// <summary>f changes at a place in the range or near it, slowly or fast; of its tail alone, which is another function's, nothing is made.</summary>
    internal static SearchSpace Step { get; } = new(
        [.. from a in Rates from centre in Steps(-2, 2, 20) where Math.Abs(a * centre) <= a + 1.5 select (a, -a * centre)],
        true, true, (a, b) => a is >= 0.2 and <= 100 && Math.Abs(b) <= a + 1.5);

    private static SearchSpace OfShifts(IEnumerable<double> shifts, Func<double, bool> contains) =>
        new([.. shifts.Select(b => (1.0, b))], false, true, (_, b) => contains(b));

    private static IEnumerable<double> Steps(double low, double high, int steps) =>
        Enumerable.Range(0, steps + 1).Select(i => low + ((high - low) * i / steps));
}
