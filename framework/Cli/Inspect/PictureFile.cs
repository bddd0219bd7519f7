using Pipeline.Core;

namespace Pipeline.Cli.Inspect;

/// <summary>The file that <c>--picture</c> names.</summary>
internal static class PictureFile
{
    /// <summary>Those that come with Linux, Windows and macOS; the first font of a machine without them may be one with serifs.</summary>
    private static readonly string[] Fonts = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Segoe UI", "Helvetica Neue", "Arial"];

    /// <summary>Name of the font for everything in a picture.</summary>
    public static string Font { get; } =
        Fonts.FirstOrDefault(name => ScottPlot.Fonts.GetTypeface(name, bold: false, italic: false)?.FamilyName == name) ?? ScottPlot.Fonts.Default;

    public static bool IsVector(string path) => Path.GetExtension(path).Equals(".svg", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="BadInputException">The file cannot become a picture.</exception>
    public static void Check(string? path)
    {
        if (path is not null && !IsVector(path) && !Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase))
        {
            throw new BadInputException($"--picture: {path} must end in .png or .svg.");
        }

        if (Path.GetDirectoryName(path) is { Length: > 0 } folder && !Directory.Exists(folder))
        {
            throw new BadInputException($"--picture: there is no folder {folder}.");
        }
    }

    /// <exception cref="BadInputException">It cannot be written.</exception>
    public static void Write(string path, Action<string> save)
    {
        try
        {
            save(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"--picture: {failure.Message}", failure);
        }
    }
}
