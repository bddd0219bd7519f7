using Microsoft.Extensions.FileSystemGlobbing;

namespace Pipeline.Core.Data;

/// <summary>Expands the job file's patterns.</summary>
internal static class FileGlob
{
    private static readonly char[] Wildcards = ['*', '?'];

    /// <summary>The files that any pattern matches, each once, by path relative to <paramref name="folder"/>, sorted ordinally.
    /// Wildcards do not reach into bin, obj, runs and folders whose name starts with a dot.</summary>
    /// <exception cref="BadInputException">A pattern matches nothing.</exception>
    public static IReadOnlyList<(string Path, string FullPath)> Expand(IReadOnlyList<string> patterns, string folder)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var pattern in patterns)
        {
            var matches = Matches(pattern, folder);
            if (matches.Count == 0)
            {
                throw new BadInputException(pattern.IndexOfAny(Wildcards) < 0
                    ? $"data.files: there is no file {Path.GetFullPath(pattern, folder)}."
                    : $"data.files: no file matches {pattern} in {Path.GetFullPath(folder)}.");
            }

            foreach (var full in matches)
            {
                var path = Path.IsPathRooted(pattern) ? full : Path.GetRelativePath(folder, full);
                found[path.Replace('\\', '/')] = full;
            }
        }

        return [.. found.Select(pair => (pair.Key, pair.Value))];
    }

    private static IReadOnlyList<string> Matches(string pattern, string folder)
    {
        var segments = pattern.Replace('\\', '/').Split('/');
        var literal = segments.TakeWhile(segment => segment.IndexOfAny(Wildcards) < 0).Count();
        if (literal == segments.Length)
        {
            var file = Path.GetFullPath(pattern, folder);
            return File.Exists(file) ? [file] : [];
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
