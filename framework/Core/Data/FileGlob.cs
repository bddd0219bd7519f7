using Microsoft.Extensions.FileSystemGlobbing;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Data;

/// <summary>Expands the job file's patterns.</summary>
internal static class FileGlob
{
    private const char Wildcard = '*';

    /// <summary>The files that any pattern matches, each once, by path relative to <paramref name="folder"/>, sorted ordinally.
    /// A file that only absolute patterns match keeps its absolute path.
    /// Wildcards do not reach into bin, obj, runs and folders whose name starts with a dot.</summary>
    /// <exception cref="BadInputException">A pattern matches nothing, or cannot be one.</exception>
    public static IReadOnlyList<(string Path, string FullPath)> Expand(IReadOnlyList<string> patterns, string folder)
    {
        var pathOf = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pattern in patterns)
        {
            var matches = Matches(pattern, folder);
            if (matches.Count == 0)
            {
                throw new BadInputException(!pattern.Contains(Wildcard)
                    ? $"data.files: there is no file {Path.GetFullPath(pattern, folder)}."
                    : $"data.files: no file matches {pattern} in {Path.GetFullPath(folder)}.");
            }

            foreach (var full in matches)
            {
                if (!Path.IsPathRooted(pattern))
                {
                    pathOf[full] = Path.GetRelativePath(folder, full).Replace('\\', '/');
                }
                else
                {
                    pathOf.TryAdd(full, full.Replace('\\', '/'));
                }
            }
        }

        return [.. pathOf.OrderBy(file => file.Value, StringComparer.Ordinal).Select(file => (file.Value, file.Key))];
    }

    private static IReadOnlyList<string> Matches(string pattern, string folder)
    {
        if (pattern.Contains('\0'))
        {
            throw new BadInputException($"data.files: {QuotedText.Of(pattern)} has a character that no path may have.");
        }

        var segments = pattern.Replace('\\', '/').Split('/');
        var literal = segments.TakeWhile(segment => !segment.Contains(Wildcard)).Count();
        if (literal == segments.Length)
        {
            var file = Path.GetFullPath(pattern, folder);
            return File.Exists(file) ? [file] : [];
        }

        if (segments.Skip(literal).Contains(".."))
        {
            throw new BadInputException($"data.files: {pattern} has .. after a wildcard; .. is allowed before the first wildcard only.");
        }

        var root = Path.GetFullPath(literal == 0 ? "." : string.Join('/', segments.Take(literal)) + "/", folder);
        if (!Directory.Exists(root))
        {
            return [];
        }

        var matcher = new Matcher(StringComparison.Ordinal);
        matcher.AddInclude(string.Join('/', segments.Skip(literal)));
        matcher.AddExcludePatterns(["**/bin/**", "**/obj/**", "**/runs/**"]);
        return [.. matcher.GetResultsInFullPath(root).Where(file => !InDotFolder(Path.GetRelativePath(root, file)))];
    }

    private static bool InDotFolder(string path) =>
        Path.GetDirectoryName(path)!.Split(Path.DirectorySeparatorChar).Any(segment => segment.StartsWith('.'));
}
