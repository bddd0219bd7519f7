using System.CommandLine;

namespace Pipeline.Cli.Checkpoints;

/// <summary><c>pipeline checkpoint</c>: what a run has saved.</summary>
internal static class CheckpointCommand
{
    public static Command Create() => new("checkpoint", "List, verify or remove the checkpoints of a run.")
    {
        ListCommand.Create(),
        VerifyFilesCommand.Create(),
        PruneCommand.Create(),
    };

    public static Argument<string> Run(string more = "") => new("RUN")
    {
        Description = $"A run directory, such as runs/quickstart, or a folder of checkpoints{more}.",
    };

    public static Option<bool> Json() => new("--json") { Description = "Print one JSON object instead of text." };
}
