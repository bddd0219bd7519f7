namespace Pipeline.Cli.Training;

/// <summary>Shares of a whole as a line in their colours; what they leave of it is grey.</summary>
internal static class Bar
{
    /// <returns>Markup.</returns>
    public static string Draw(int width, params IEnumerable<(double Share, string Color)> parts)
    {
        var (bar, left) = ("", width);
        foreach (var (share, color) in parts)
        {
            var length = Math.Min(left, (int)Math.Round(Math.Clamp(share, 0, 1) * width));
            bar += $"[{color}]{new string('━', length)}[/]";
            left -= length;
        }

        return $"{bar}[grey]{new string('━', left)}[/]";
    }
}
