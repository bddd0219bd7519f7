using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Configuration;

namespace Pipeline.Cli.Schedules;

/// <summary>Durations as given on the command line: one, or a list separated by commas, as plain numbers in a unit of the user's own or with
/// ms, us or s.</summary>
/// <param name="Values">In seconds where there was a unit.</param>
/// <param name="HasUnit">Null when nothing says: all are 0 and without a unit.</param>
internal sealed record Durations(string Option, IReadOnlyList<double> Values, bool? HasUnit)
{
    private const double Most = 1e12;

    private static readonly (string Name, double Seconds)[] Units = [("ms", 1e-3), ("us", 1e-6), ("s", 1)];

    /// <exception cref="BadInputException">It is not a list of durations.</exception>
    public static Durations Parse(string option, string text)
    {
        var items = text.Split(',').Select(item => Item(option, item.Trim())).ToArray();
        return new(option, [.. items.Select(item => item.Value)], Unit(option, items.Select(item => item.HasUnit)));
    }

    /// <summary>All with a unit or all without one; zeros go with both.</summary>
    /// <exception cref="BadInputException">They are mixed.</exception>
    public static bool HaveUnit(IReadOnlyList<Durations> all) =>
        Unit(string.Join(", ", all.Select(durations => durations.Option)), all.Select(durations => durations.HasUnit)) ?? false;

    private static bool? Unit(string options, IEnumerable<bool?> items)
    {
        var said = items.Where(item => item is not null).Distinct().ToArray();
        return said.Length < 2
            ? said.SingleOrDefault()
            : throw new BadInputException($"{options}: give all durations with a unit (ms, us, s) or none.");
    }

    private static (double Value, bool? HasUnit) Item(string option, string text)
    {
        var unit = Units.FirstOrDefault(unit => text.EndsWith(unit.Name, StringComparison.Ordinal));
        var number = unit.Name is null ? text : text[..^unit.Name.Length].TrimEnd();
        if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || !(value >= 0 && value <= Most))
        {
            var shown = QuotedText.Of(QuotedText.Shorten(text));
            throw new BadInputException(
                $"{option} must be durations from 0 to 1e12 such as 0.5 or 12ms (or s, us), separated by commas, not {shown}.");
        }

        return unit.Name is not null ? (value * unit.Seconds, true) : (value, value == 0 ? null : false);
    }
}
