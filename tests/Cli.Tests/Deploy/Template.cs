using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Pipeline.Cli.Tests.Deploy;

/// <summary>The templates under examples/deploy.</summary>
internal static partial class Template
{
    public static string Folder { get; } = Path.Combine(Command.Repository, "examples", "deploy");

    /// <summary>By name; what git does not have (certificates, data of a trial) lies in folders below.</summary>
    public static IEnumerable<string> Names => Directory.EnumerateFiles(Folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    public static string Text(string name) => File.ReadAllText(Path.Combine(Folder, name));

    /// <summary>The command lines of the program in a text: verb, then what follows it up to the end of the command. Comments that give one count.</summary>
    public static IEnumerable<(string Verb, string Arguments)> CommandLines(string text) =>
        CommandLine().Matches(text.Replace("\\\n", " ", StringComparison.Ordinal)).Select(match => (match.Groups["verb"].Value, match.Groups["arguments"].Value));

    /// <summary>The values that an option has in a text, quotes left out.</summary>
    public static IEnumerable<string> Values(string text, string option) =>
        Regex.Matches(text, $@"(?<=\s|\(){option}[ =]""?([^\s"")|]+)").Select(match => match.Groups[1].Value);

    /// <returns>What it printed, errors included.</returns>
    public static (int ExitCode, string Output) Run(
        string program, IEnumerable<string> arguments, string input = "", IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    // A word after "pipeline" is a verb: except where pipeline is a namespace of kubectl's.
    [GeneratedRegex("""(?<=^|[\s"(;])(?<!-n |namespace )pipeline (?<verb>[a-z]+)\b(?<arguments>[^|;\n`]*)""", RegexOptions.Multiline)]
    private static partial Regex CommandLine();
}
