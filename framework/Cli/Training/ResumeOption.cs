using System.CommandLine;
using Pipeline.Core;
using Pipeline.Runtime.Runs;

namespace Pipeline.Cli.Training;

/// <summary><c>--resume [latest|STEP|PATH]</c>. Because the value may be left out, the word behind the option can be the job file: then it is taken as that.</summary>
internal sealed class ResumeOption
{
    private readonly Argument<string> job;

    /// <param name="job">The command's argument; it becomes one that the parser lets be missing, and that is asked for here.</param>
    public ResumeOption(Argument<string> job)
    {
        this.job = job;
        job.Arity = ArgumentArity.ZeroOrOne;
    }

    public Option<string?> Option { get; } = new("--resume")
    {
        Description = "Continue from the newest whole checkpoint in the job's directory (latest, or nothing), from that of a STEP there, "
            + "or from a checkpoint or run at a PATH, also another run's.",
        HelpName = "latest|STEP|PATH",
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <returns>The job file, and what to continue from; null to start anew.</returns>
    /// <exception cref="BadInputException">The job file is missing.</exception>
    public (string Job, string? Resume) Of(ParseResult parsed)
    {
        var value = parsed.GetResult(Option) is null ? null : parsed.GetValue(Option) ?? ResumePoint.Latest;
        return (parsed.GetValue(job), value) switch
        {
            ({ } file, _) => (file, value),
            (null, { } word) when File.Exists(word) => (word, ResumePoint.Latest),
            (null, null) => throw new BadInputException("train: Required argument 'JOB' missing for command: 'train'."),
            _ => throw new BadInputException($"train: name the job file too: pipeline train JOB --resume {value}."),
        };
    }
}
