namespace Pipeline.Tests;

/// <summary>Ground truth that lies beside the repository, in <c>shared/goldens</c>, or in the folder that
/// <c>PIPELINE_GOLDENS</c> names. Tests take whatever they find there.</summary>
internal static class Goldens
{
    private static string? Folder
    {
        get
        {
            if (Environment.GetEnvironmentVariable("PIPELINE_GOLDENS") is { Length: > 0 } named)
                return Directory.Exists(named) ? named : null;
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
                if (Path.Combine(folder.FullName, "shared", "goldens") is var found && Directory.Exists(found))
                    return found;
            return null;
        }
    }

    /// <summary>The files, in ordinal order; the test that asks is skipped when there are none.</summary>
    /// <param name="pattern">Of the file's name, such as <c>*.csv</c>.</param>
    /// <param name="below">A folder under the goldens; all of them without it.</param>
    public static IReadOnlyList<string> Files(string pattern, string below = "")
    {
        var folder = Folder is { } found ? Path.Combine(found, below) : null;
        string[] files = folder is not null && Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)]
            : [];
        Assert.SkipWhen(
            files.Length == 0,
            $"There is no {pattern} under {folder ?? "shared/goldens beside the repository (or PIPELINE_GOLDENS)"}.");
        return files;
    }
}
