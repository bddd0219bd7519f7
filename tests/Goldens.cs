namespace Pipeline.Tests;

/// <summary>Ground truth that lies beside the repository, in <c>shared/goldens</c>, or in the folder that
/// <c>PIPELINE_GOLDENS</c> names; and real text, in <c>shared/data</c>. Tests take whatever they find there.</summary>
internal static class Goldens
{
    /// <summary>The files, in ordinal order; the test that asks is skipped when there are none.</summary>
    /// <param name="pattern">Of the file's name, such as <c>*.csv</c>.</param>
    /// <param name="below">A folder under the goldens; all of them without it.</param>
    public static IReadOnlyList<string> Files(string pattern, string below = "") => Find(
        Environment.GetEnvironmentVariable("PIPELINE_GOLDENS") is { Length: > 0 } named ? named : Shared("goldens"), below, pattern);

    /// <summary>A text of the shared data; the test that asks is skipped when it is not there.</summary>
    public static string Text(string name) => File.ReadAllText(Find(Shared("data"), "", name)[0]);

    private static IReadOnlyList<string> Find(string? root, string below, string pattern)
    {
        var folder = root is null ? null : Path.Combine(root, below);
        string[] files = Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)]
            : [];
        Assert.SkipWhen(files.Length == 0, $"There is no {pattern} in {folder ?? "a folder shared beside the repository"}.");
        return files;
    }

    private static string? Shared(string name)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Path.Combine(folder.FullName, "shared", name) is var found && Directory.Exists(found))
            {
                return found;
            }
        }

        return null;
    }
}
