using System.Globalization;

namespace Pipeline.Cli;

/// <summary>Numbers for people.</summary>
internal static class Quantity
{
    /// <summary>In s, ms or us, with three or four digits.</summary>
    public static string Time(double seconds) => seconds switch
    {
        0 => "0 s",
        < 1e-3 => Text($"{seconds * 1e6:0.#} us"),
        < 1 => Text($"{seconds * 1e3:0.00} ms"),
        _ => Text($"{seconds:0.###} s"),
    };

    /// <summary>A share of 1, as in 4.5%.</summary>
    public static string Percent(double share) => Text($"{share * 100:F1}%");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
