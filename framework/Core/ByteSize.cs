using System.Globalization;

namespace Pipeline.Core;

/// <summary>Amounts of memory as people write them.</summary>
public static class ByteSize
{
    private static readonly string[] Units = ["", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>To stand after "must be".</summary>
    public const string Description = "a number of bytes such as 500MiB or 8GiB";

    /// <summary>A number with KiB, MiB, GiB or TiB behind it, or of bytes without. Null where the text is something else or not above 0.</summary>
    public static long? Parse(string text)
    {
        var power = Array.FindLastIndex(Units, unit => text.EndsWith(unit, StringComparison.OrdinalIgnoreCase));
        var number = text.AsSpan(0, text.Length - Units[power].Length).TrimEnd();
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            && value * Math.Pow(1024, power) is >= 1 and < 9e18 and var bytes
                ? (long)bytes
                : null;
    }

    /// <summary>Three digits or so, as in 1.4 GiB.</summary>
    public static string Format(long bytes)
    {
        var power = bytes < 1024 ? 0 : Math.Min(Units.Length - 1, (int)Math.Log(bytes, 1024));
        var value = bytes / Math.Pow(1024, power);
        return power == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes} B")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Round(value, value < 10 ? 1 : 0)} {Units[power]}");
    }
}
