using System.Globalization;
using Pipeline.Cli.Tests;

namespace Pipeline.Chaos.Runs;

/// <summary>A process that the command has started as a node of the run.</summary>
/// <param name="Number">In its name.</param>
internal sealed record NodeProcess(int Id, int Number)
{
    private const string Prefix = "node-";

    /// <summary>Those that are there now.</summary>
    public static IReadOnlyList<NodeProcess> Of(Command command) =>
        [.. command.Alive.Where(id => id != command.Id).Select(Read).OfType<NodeProcess>().OrderBy(node => node.Number)];

    private static NodeProcess? Read(int id)
    {
        try
        {
            var words = File.ReadAllText($"/proc/{id}/cmdline").Split('\0');
            var name = Array.IndexOf(words, "--name") is >= 0 and var at ? words[at + 1] : "";
            return name.StartsWith(Prefix, StringComparison.Ordinal) ? new(id, int.Parse(name.AsSpan(Prefix.Length), CultureInfo.InvariantCulture)) : null;
        }
        catch (IOException)
        {
            return null;   // it has just ended
        }
    }
}
