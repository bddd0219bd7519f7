using System.Globalization;

namespace Pipeline.Core.Configuration;

internal sealed class AllowedNumber(LimitsAttribute limits) : AllowedValue
{
    public override string Description => limits.Describe("a number");

    public override object Read(SettingNode node)
    {
        if (!double.TryParse(Text(node), NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
        {
            throw Refusal(node);
        }

        if (!double.IsFinite(number))
        {
            throw node.Refusal($"must be a finite number, not {node.Description}");
        }

        return limits.Allow(number) ? number : throw Refusal(node);
    }
}
