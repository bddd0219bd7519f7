using System.Globalization;

namespace Pipeline.Runtime.Runs;

/// <summary>Losses as people read them: four decimals, or three digits where those would be zeros.</summary>
public static class LossText
{
    public static string Of(double loss) => loss.ToString(Math.Abs(loss) is > 0 and < 0.01 ? "G3" : "F4", CultureInfo.InvariantCulture);
}
