namespace Pipeline.Cli;

/// <summary>What the command returns to the shell.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadInput = 2;

    /// <summary>Ended by SIGINT, SIGTERM or SIGHUP, after a checkpoint.</summary>
    public const int Interrupted = 130;
}
