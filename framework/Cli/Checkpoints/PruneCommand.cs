using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Checkpoints;

/// <summary><c>pipeline checkpoint prune RUN --keep N</c>: removes the oldest checkpoints, and what is none.</summary>
internal static class PruneCommand
{
    public static Command Create()
    {
        var run = CheckpointCommand.Run();
        var keep = new Option<int>("--keep") { Description = "How many whole checkpoints to keep, the newest.", Required = true, CustomParser = Number };
        var dry = new Option<bool>("--dry-run") { Description = "Say what would be removed, and remove nothing." };
        var json = CheckpointCommand.Json();
        var command = new Command("prune", "Remove the oldest checkpoints of a run, and those that are damaged, superseded or were never finished.") { run, keep, dry, json };
        command.SetAction(parsed =>
        {
            var (path, output) = (parsed.GetRequiredValue(run), parsed.InvocationConfiguration.Output);
            var folder = ListCommand.Folder(path);
            using var directory = new RunDirectory(Path.GetFileName(folder) == "checkpoints" ? Path.GetDirectoryName(folder)! : folder);
            directory.KeepRunsOut();
            var pruning = CheckpointPruning.Of(folder, parsed.GetValue(keep));
            var isDry = parsed.GetValue(dry);
            if (!isDry)
            {
                pruning.Run();
            }

            output.Write(parsed.GetValue(json) ? Json(pruning, folder, isDry) : Text(pruning, folder, isDry));
            return ExitCode.Done;
        });
        return command;
    }

    private static string Json(CheckpointPruning pruning, string folder, bool isDry) => JsonOutput.Of(new
    {
        Directory = folder,
        DryRun = isDry,
        Removed = pruning.Removed.Select(CheckpointReport.Of),
        Kept = pruning.Kept.Select(CheckpointReport.Of),
        pruning.Bytes,
    });

    private static string Text(CheckpointPruning pruning, string folder, bool isDry)
    {
        var verb = isDry ? "Would remove" : "Removed";
        string[] lines =
        [
            .. pruning.Removed.Select(entry =>
                $"{verb} {entry.Name}, {ByteSize.Format(entry.Bytes)}: {(entry.State == CheckpointState.Whole ? "older than those to keep" : CheckpointReport.Word(entry.State))}"),
            .. pruning.Note is { } note ? [note] : (string[])[],
            pruning.Removed.Count == 0
                ? $"There is nothing to remove in {folder}."
                : string.Create(CultureInfo.InvariantCulture, $"{verb} {pruning.Removed.Count} of {pruning.Removed.Count + pruning.Kept.Count}, {ByteSize.Format(pruning.Bytes)}."),
        ];
        return string.Concat(lines.Select(line => line + "\n"));
    }

    private static int Number(ArgumentResult result)
    {
        if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1)
        {
            return number;
        }

        result.AddError($"--keep must be a whole number of at least 1, not \"{result.Tokens[0].Value}\".");
        return 0;
    }
}
