using System.Globalization;
using System.Numerics;

namespace Pipeline.Core.Configuration;

internal sealed class AllowedWholeNumber<T>(LimitsAttribute limits) : AllowedValue
    where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
{
    // From here on a double no longer holds every whole number.
    private const double LargestExact = 1L << 53;

    public override string Description => limits.Describe("a whole number");

    public override object Read(SettingNode node)
    {
        var text = Text(node);
        if (!T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
        {
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsInteger(number))
            {
                throw Refusal(node);
            }

            if (double.Abs(number) > LargestExact || !Fits(number))
            {
                throw node.Refusal(string.Create(CultureInfo.InvariantCulture,
                    $"must be a whole number from {Lowest} to {T.MaxValue}, not {node.Description}"));
            }

            whole = T.CreateChecked(number);    // 1e6, 12.0
        }
        return limits.Allow(double.CreateChecked(whole)) ? whole : throw Refusal(node);
    }

    private T Lowest => Fits(limits.Minimum) ? T.CreateChecked(limits.Minimum) : T.MinValue;

    private static bool Fits(double number) => double.CreateChecked(T.MinValue) <= number && number <= double.CreateChecked(T.MaxValue);
}
