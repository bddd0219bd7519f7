using System.CommandLine;
using Pipeline.Core.Configuration;

namespace Pipeline.Cli;

/// <summary>What is wrong with a command line, in one sentence.</summary>
internal static class UsageError
{
    public static string Describe(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var isRoot = parsed.CommandResult.Parent is null;
        return parsed.UnmatchedTokens switch
        {
            [] when command.Subcommands.Count > 0 =>
                $"Name a command{(isRoot ? "" : $" of {command.Name}")}: {Or([.. command.Subcommands.Select(sub => sub.Name)])}; pipeline {(isRoot ? "" : $"{command.Name} ")}--help says more.",
            [] => $"{command.Name}: {parsed.Errors[0].Message}",
            [var token, ..] when token.StartsWith('-') =>
                $"{Prefix(command, isRoot)}{token} is not an option{Suggest(token, command.Options.Select(option => option.Name))}",
            [var token, ..] when command.Subcommands.Count > 0 => $"{Prefix(command, isRoot)}{token} is not a command{Suggest(token, command.Subcommands.Select(sub => sub.Name))}",
            [var token, ..] => $"{command.Name}: {token} is one argument too many; pipeline {command.Name} --help says what it takes.",
        };
    }

    private static string Or(string[] names) => $"{string.Join(", ", names[..^1])} or {names[^1]}";

    private static string Prefix(Command command, bool isRoot) => isRoot ? "" : $"{command.Name}: ";

    private static string Suggest(string word, IEnumerable<string> known) => EditDistance.Nearest(word, [.. known]) is { } nearest
        ? $"; did you mean {nearest}?"
        : $"; allowed are {string.Join(", ", known)}.";
}
