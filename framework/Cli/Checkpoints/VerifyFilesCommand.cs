using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Cli.Checkpoints;

/// <summary><c>pipeline checkpoint verify RUN</c>: reads every file of every checkpoint and compares it with its SHA-256.</summary>
internal static class VerifyFilesCommand
{
    public static Command Create()
    {
        var (run, json) = (CheckpointCommand.Run(", or one checkpoint"), CheckpointCommand.Json());
        var command = new Command("verify", "Read every file of the checkpoints of a run, or of one, and compare it with its SHA-256.") { run, json };
        command.SetAction(parsed =>
        {
            var (path, output) = (parsed.GetRequiredValue(run), parsed.InvocationConfiguration.Output);
            var checks = new List<(CheckpointEntry Entry, IReadOnlyList<string> Damages)>();
            foreach (var entry in Chosen(path))
            {
                var verified = entry.Verify(out var damages);
                checks.Add((verified, damages));
                if (!parsed.GetValue(json))
                {
                    Print(output, verified, damages);
                }
            }

            var bad = checks.Count(check => check.Damages.Count > 0);
            if (parsed.GetValue(json))
            {
                output.Write(JsonOutput.Of(new
                {
                    Verified = true,
                    Whole = checks.Count - bad,
                    NotWhole = bad,
                    Checkpoints = checks.Select(check => new { check.Entry.Name, check.Entry.Step, State = CheckpointReport.Word(check.Entry.State), check.Damages }),
                }));
            }

            return bad == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    /// <summary>Those in their places, or the one that is named.</summary>
    private static IReadOnlyList<CheckpointEntry> Chosen(string path)
    {
        var folder = CheckpointFolder.Of(path);
        if (CheckpointFolder.IsCheckpoint(path))
        {
            return [CheckpointEntry.Look(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))];
        }

        CheckpointEntry[] entries = [.. CheckpointFolder.Finished(folder).Select(entry => CheckpointEntry.Look(entry.Path))];
        return entries.Length > 0 ? entries : throw new BadInputException($"There are no checkpoints in {folder}.");
    }

    private static void Print(TextWriter output, CheckpointEntry entry, IReadOnlyList<string> damages)
    {
        var word = CheckpointReport.Word(entry.State);
        if (damages.Count == 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{entry.Name}: {word}, {ByteSize.Format(entry.Bytes)} read"));
        }

        foreach (var damage in damages)
        {
            output.WriteLine($"{entry.Name}: {word}: {damage}");
        }
    }
}
