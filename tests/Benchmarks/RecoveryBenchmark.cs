using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Pipeline.Benchmarks;

/// <summary>How long a run takes to go on when one of its processes is killed, by the real command: from the signal to the first line of the metrics whose
/// step had not been committed before. Between two kills a new spare joins.</summary>
internal static class RecoveryBenchmark
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Command Create()
    {
        var job = new Argument<string>("JOB");
        var set = new Option<string[]>("--set");
        var stages = new Option<int>("--stages") { DefaultValueFactory = _ => 3 };
        var kills = new Option<int>("--kills") { DefaultValueFactory = _ => 20 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var command = new Command("recovery", "Kills processes that hold a stage, one after another, and times each recovery.") { job, set, stages, kills, seed };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], parsed.GetValue(stages), parsed.GetValue(kills), new Random(parsed.GetValue(seed))));
        return command;
    }

    private static void Run(string job, string[] overrides, int stages, int kills, Random random)
    {
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-").FullName;
        string[] arguments =
        [
            "train", job, "--processes", $"{stages}", "--set", $"parallel.stages={stages}", "--set", "recovery.spares=1", "--set", $"job.directory={folder}/run",
            "--set", "job.steps=1000000", .. overrides.SelectMany(value => new[] { "--set", value }),
        ];
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };   // nodes tell of each other
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var times = new List<double>();
        try
        {
            for (var kill = 0; kill < kills; kill++)
            {
                var spares = kill + 1;
                WaitFor(process, () => Count(folder, "join") >= spares && Last(folder) is { Step: > 40 });
                Thread.Sleep(random.Next(500, 1500));   // at any place of a step, and between any two snapshots
                var seats = Seats(folder, stages);
                var stage = random.Next(stages);
                var node = Nodes(process.Id)[seats[stage]];
                var before = Last(folder)!.Value;
                var began = Stopwatch.GetTimestamp();
                node.Kill();
                while (Last(folder) is var now && (now is not { } one || one.Epoch == before.Epoch || one.Step <= before.Step))
                {
                    before = now is { } late && late.Epoch == before.Epoch && late.Step > before.Step ? late : before;   // committed before the others knew
                    Check(process, began);
                    Thread.Sleep(Interval);
                }

                times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stage {stage} killed at step {before.Step}: {times[^1]:F2} s"));
            }
        }
        finally
        {
            process.Kill();   // its nodes end with it
            process.WaitForExit();
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median {Figures.Median(times):F2} s, worst of {times.Count} {times.Max():F2} s"));
        Thread.Sleep(TimeSpan.FromSeconds(2));
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The node that each stage is on now, from the records.</summary>
    private static string[] Seats(string folder, int stages)
    {
        string[] seats = [.. Enumerable.Range(1, stages).Select(number => $"node-{number}")];
        foreach (var words in Events(folder, "recovery").SelectMany(message => message.Split(';', ',')).Select(part => part.Trim().Split(' ')).Where(words => words is ["stage", _, "is", "on", ..]))
        {
            seats[int.Parse(words[1], CultureInfo.InvariantCulture)] = words[4].Split('/')[0];
        }

        return seats;
    }

    private static Dictionary<string, Process> Nodes(int parent) => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit))
        .Select(id => (Id: int.Parse(id!, CultureInfo.InvariantCulture), Words: Read($"/proc/{id}/cmdline").Split('\0'), Stat: Read($"/proc/{id}/stat")))
        .Where(entry => entry.Words.Contains("--name") && entry.Stat[(entry.Stat.LastIndexOf(')') + 2)..].Split(' ')[1] == $"{parent}")
        .ToDictionary(entry => entry.Words[Array.IndexOf(entry.Words, "--name") + 1], entry => Process.GetProcessById(entry.Id), StringComparer.Ordinal);

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";   // it has just ended
        }
    }

    private static int Count(string folder, string kind) => Events(folder, kind).Count;

    private static IReadOnlyList<string> Events(string folder, string kind) => Path.Combine(folder, "run", "events.jsonl") is var path && File.Exists(path)
        ? [.. Lines(path).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.GetProperty("kind").GetString() == kind).Select(line => line.GetProperty("message").GetString()!)]
        : [];

    private static (long Epoch, long Step)? Last(string folder) => Path.Combine(folder, "run", "metrics.jsonl") is var path && File.Exists(path) && Lines(path, 1 << 14) is [.., var last]
        && JsonDocument.Parse(last).RootElement is var line
        ? (line.GetProperty("epoch").GetInt64(), line.GetProperty("step").GetInt64())
        : null;

    /// <summary>The whole lines among the last bytes of a file that is being written.</summary>
    private static string[] Lines(string path, long most = long.MaxValue)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var skips = stream.Length > most;
        stream.Seek(skips ? -most : 0, skips ? SeekOrigin.End : SeekOrigin.Begin);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var lines = reader.ReadToEnd().Split('\n');
        return lines[(skips ? 1 : 0)..^1];
    }

    private static void WaitFor(Process process, Func<bool> condition)
    {
        for (var began = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(TimeSpan.FromMilliseconds(20)))
        {
            Check(process, began);
        }
    }

    private static void Check(Process process, long began)
    {
        if (process.HasExited || Stopwatch.GetElapsedTime(began) > Limit)
        {
            throw new IOException(process.HasExited ? $"The run has ended with exit code {process.ExitCode}." : $"Nothing has come for {Limit.TotalSeconds:F0} s.");
        }
    }
}
