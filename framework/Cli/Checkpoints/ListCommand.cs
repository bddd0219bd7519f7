using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Checkpoints;
using Spectre.Console;

namespace Pipeline.Cli.Checkpoints;

/// <summary><c>pipeline checkpoint list RUN</c>: what there is, as manifests and sizes tell. No file is read but the manifests.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        var (run, json) = (CheckpointCommand.Run(), CheckpointCommand.Json());
        var command = new Command("list", "List the checkpoints of a run, without reading more than their manifests.") { run, json };
        command.SetAction(parsed =>
        {
            var folder = Folder(parsed.GetRequiredValue(run));
            var entries = CheckpointFolder.Entries(folder);
            if (parsed.GetValue(json))
            {
                parsed.InvocationConfiguration.Output.Write(JsonOutput.Of(new { Directory = folder, Verified = false, Checkpoints = entries.Select(CheckpointReport.Of) }));
            }
            else
            {
                Print(folder, entries);
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <exception cref="BadInputException">There is no such folder, or it is one checkpoint.</exception>
    public static string Folder(string path)
    {
        var folder = CheckpointFolder.Of(path);
        return !CheckpointFolder.IsCheckpoint(path)
            ? folder
            : throw new BadInputException($"{path} is one checkpoint; name its run directory, or the folder that it lies in.");
    }

    private static void Print(string folder, IReadOnlyList<CheckpointEntry> entries)
    {
        var console = AnsiConsole.Console;
        if (entries.Count == 0)
        {
            console.Profile.Out.Writer.WriteLine($"There are no checkpoints in {folder}.");
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns("step", "when", "size", "parameters\n/ tensors", "shards", "state");   // 80 letters hold it
        foreach (var entry in entries)
        {
            table.AddRow(
                (entry.Step?.ToString(CultureInfo.InvariantCulture) ?? entry.Name).EscapeMarkup(),
                entry.Written.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                ByteSize.Format(entry.Bytes),
                entry.Tensors == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{entry.Parameters} / {entry.Tensors}"),
                entry.Shards.Count.ToString(CultureInfo.InvariantCulture),
                CheckpointReport.Word(entry.State));
        }

        console.Write(table);
        foreach (var entry in entries.Where(entry => entry.Reason is not null))
        {
            console.Profile.Out.Writer.WriteLine($"{entry.Name}: {CheckpointReport.Word(entry.State)}: {entry.Reason}");
        }

        console.Profile.Out.Writer.WriteLine("Sizes and manifests only: not verified. pipeline checkpoint verify reads every file.");
    }
}
