using System.CommandLine;
using System.CommandLine.Parsing;
using Pipeline.Core.Configuration;

namespace Pipeline.Cli;

/// <summary>What is wrong with a command line, in one sentence.</summary>
internal static class UsageError
{
    public static string Describe(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var name = Name(parsed.CommandResult);
        var prefix = name.Length == 0 ? "" : $"{name}: ";
        return parsed.UnmatchedTokens switch
        {
            [] when command.Subcommands.Count > 0 =>
                $"{prefix}Name a command: {Or([.. command.Subcommands.Select(sub => sub.Name)])}; {$"pipeline {name}".TrimEnd()} --help says more.",
            [] => $"{prefix}{parsed.Errors[0].Message}",
            [var token, ..] when token.StartsWith('-') => $"{prefix}{token} is not an option{Suggest(token, command.Options.Select(option => option.Name))}",
            [var token, ..] when command.Subcommands.Count > 0 => $"{prefix}{token} is not a command{Suggest(token, command.Subcommands.Select(sub => sub.Name))}",
            [var token, ..] => $"{prefix}{token} is one argument too many; pipeline {name} --help says what it takes.",
        };
    }

    /// <summary>Of a command with those that it is under, without the program's.</summary>
    private static string Name(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{Name(parent)} {command.Command.Name}".TrimStart() : "";

    private static string Or(string[] names) => $"{string.Join(", ", names[..^1])} or {names[^1]}";

    private static string Suggest(string word, IEnumerable<string> known) => EditDistance.Nearest(word, [.. known]) is { } nearest
        ? $"; did you mean {nearest}?"
        : $"; allowed are {string.Join(", ", known)}.";
}
