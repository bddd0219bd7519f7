using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Pipeline.Cli.Tests;

/// <summary>The real command as a process of its own.</summary>
internal sealed class Command : IDisposable
{
    /// <summary>No test takes so long. What hangs is ended, and the test then fails for what it has not done.</summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(5);

    private readonly Process process;
    private readonly Timer end;
    private readonly Task<string> errors;

    private readonly string mark = $"PIPELINE_TEST_{Guid.NewGuid():N}";

    /// <param name="startsFast">What most tests do is to start: with code that is compiled less well at first, which gives the same numbers, that takes half the time.</param>
    private Command(string folder, IEnumerable<string> prefix, IEnumerable<string> arguments, Action<string>? onError = null, bool startsFast = true)
    {
        string[] line = [.. prefix, "dotnet", Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. arguments];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Add(mark, "");   // children inherit it
        if (startsFast)
        {
            start.Environment["DOTNET_TieredCompilation"] = "1";
        }

        process = Process.Start(start)!;
        errors = ReadErrorsAsync(onError);
        end = new(_ => Kill(), null, LongestLife, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The folder that holds Pipeline.sln.</summary>
    public static string Repository { get; } = FindRepository();

    public static Command Start(string folder, params IEnumerable<string> arguments) => new(folder, [], arguments);

    /// <summary>With the runtime's settings that come with the command.</summary>
    public static Command StartAsItComes(string folder, params IEnumerable<string> arguments) => new(folder, [], arguments, startsFast: false);

    /// <param name="onError">Told each line of standard error when it comes, on another thread.</param>
    public static Command Start(string folder, Action<string> onError, IEnumerable<string> arguments) => new(folder, [], arguments, onError);

    /// <summary>The leader of a process group of its own, as a shell starts it in a terminal: a signal to the group reaches its children.</summary>
    public static Command StartGroup(string folder, params IEnumerable<string> arguments) => new(folder, ["setsid"], arguments);

    /// <summary>In a network namespace.</summary>
    public static Command StartIn(string networkNamespace, string folder, params IEnumerable<string> arguments) =>
        new(folder, ["ip", "netns", "exec", networkNamespace], arguments);

    public int Id => process.Id;

    public bool HasEnded => process.HasExited;

    /// <summary>Of the command and all that it started, those that are still there.</summary>
    public IReadOnlyList<int> Alive =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit))
            .Where(id => HasMark(id!)).Select(id => int.Parse(id!, CultureInfo.InvariantCulture)),
    ];

    /// <summary>Runs to the end.</summary>
    public static (int ExitCode, string Output, string Errors) Run(string folder, params IEnumerable<string> arguments)
    {
        using var command = Start(folder, arguments);
        return command.Finish();
    }

    /// <summary>Reads lines of standard output up to one that begins so.</summary>
    /// <returns>It.</returns>
    public string WaitFor(string beginning)
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith(beginning, StringComparison.Ordinal))
            {
                return line;
            }
        }

        throw new InvalidOperationException($"The command ended before a line that begins with \"{beginning}\": {errors.Result}");
    }

    public string ReadLine() => process.StandardOutput.ReadLine() ?? throw new InvalidOperationException(errors.Result);

    public void Signal(string name)
    {
        Signal(name, $"{process.Id}");
    }

    /// <param name="target">A process id, or -ID for a process group.</param>
    public static void Signal(string name, string target)
    {
        using var kill = Process.Start("kill", [$"-{name}", "--", target]);
        kill.WaitForExit();
    }

    public (int ExitCode, string Output, string Errors) Finish()
    {
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    /// <summary>And all that it has started.</summary>
    public void Kill()
    {
        foreach (var id in Alive)
        {
            Signal("KILL", $"{id}");
        }
    }

    public void Dispose()
    {
        end.Dispose();
        Kill();
        process.Dispose();
    }

    private async Task<string> ReadErrorsAsync(Action<string>? onError)
    {
        var all = new StringBuilder();
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            all.Append(line).Append('\n');
            onError?.Invoke(line);
        }

        return all.ToString();
    }

    private bool HasMark(string id)
    {
        try
        {
            // A process that has ended but is not reaped yet has no environment any more.
            return File.ReadAllText($"/proc/{id}/environ").Contains(mark, StringComparison.Ordinal);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
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
