using System.CommandLine;

namespace Pipeline.Cli;

/// <summary>How commands take a job.</summary>
internal static class JobArguments
{
    public static Argument<string> File() => new("JOB") { Description = "The job file (HOCON), such as examples/quickstart.hocon." };

    public static Option<string[]> Set() => new("--set")
    {
        Description = "Override a key of the job file: --set job.steps=100. May be given several times.",
        AllowMultipleArgumentsPerToken = false,
    };
}
