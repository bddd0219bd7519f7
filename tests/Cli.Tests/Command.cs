using System.Diagnostics;

namespace Pipeline.Cli.Tests;

/// <summary>The real command as a process of its own.</summary>
internal sealed class Command : IDisposable
{
    private readonly Process process;
    private readonly Task<string> errors;

    private Command(string folder, IEnumerable<string> arguments)
    {
        process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The folder that holds Pipeline.sln.</summary>
    public static string Repository { get; } = FindRepository();

    public static Command Start(string folder, params IEnumerable<string> arguments) => new(folder, arguments);

    /// <summary>Runs to the end.</summary>
    public static (int ExitCode, string Output, string Errors) Run(string folder, params IEnumerable<string> arguments)
    {
        using var command = Start(folder, arguments);
        return command.Finish();
    }

    /// <summary>Reads lines of standard output up to one that begins so.</summary>
    public void WaitFor(string beginning)
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith(beginning, StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail($"The command ended before a line that begins with \"{beginning}\": {errors.Result}");
    }

    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    public (int ExitCode, string Output, string Errors) Finish()
    {
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Pipeline.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("There is no Pipeline.sln above the tests.");
        }

        return folder.FullName;
    }
}
