using System.Globalization;

namespace Pipeline.Runtime.Jobs;

/// <summary>The keys that a text gives, to check what Akka would not say: a key that is a section once and a value another
/// time, where Akka may keep the earlier one, and substitutions, whose cycles Akka follows until the stack ends.</summary>
internal sealed class HoconKeys(HoconText text)
{
    // Each can repeat the largest value of the file.
    private const int MostSubstitutions = 100;

    private readonly Dictionary<string, bool> isSection = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> lines = new(StringComparer.Ordinal);
    private readonly List<Substitution> substitutions = [];

    /// <summary>By key: the line of its last value.</summary>
    public IReadOnlyDictionary<string, int> Lines => lines;

    public void AddSection(string path, int line) => Add(path, line, section: true);

    public void AddValue(string path, int line) => Add(path, line, section: false);

    /// <param name="path">The key whose value the substitution is a part of.</param>
    public void AddSubstitution(string path, string target)
    {
        substitutions.Add(new Substitution(path, target, text.Line));
        if (substitutions.Count > MostSubstitutions)
        {
            throw text.Error(string.Create(CultureInfo.InvariantCulture, $"at most {MostSubstitutions} substitutions are allowed"));
        }
    }

    /// <summary>To be called at the end: a substitution may name a key that only follows.</summary>
    public void CheckSubstitutions()
    {
        foreach (var (_, target, line) in substitutions)
        {
            if (!isSection.TryGetValue(target, out var section))
            {
                throw text.Error(line, $"there is no key {target} for ${{{target}}}");
            }
            if (section)
            {
                throw text.Error(line, $"${{{target}}} must name a value, not a section");
            }
            // Chains would be harmless, cycles are not, and no job needs either.
            if (substitutions.Any(other => other.IsPartOf(target)))
            {
                throw text.Error(line, $"${{{target}}} must name a value without a substitution of its own");
            }
        }
    }

    private void Add(string path, int line, bool section)
    {
        if (!isSection.TryAdd(path, section) && isSection[path] != section)
        {
            throw text.Error(line, $"{path} is given both as a section and as a value");
        }

        lines[path] = line;
    }

    private sealed record Substitution(string Path, string Target, int Line)
    {
        /// <summary>The value of the key, or an item of its list.</summary>
        public bool IsPartOf(string key) => Path == key || Path.StartsWith($"{key}[", StringComparison.Ordinal);
    }
}
