using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Pipeline.Benchmarks;

/// <summary>What it costs that nothing is lost: a job over processes with copies in memory, with checkpoints, and with neither, in turn, by the real command.</summary>
internal static class SafetyBenchmark
{
    private static readonly (string Name, string[] Settings)[] Modes =
    [
        ("neither", ["recovery.snapshot-every=0", "checkpoint.every=0"]),
        ("snapshots", ["checkpoint.every=0"]),
        ("checkpoints", ["recovery.snapshot-every=0", "checkpoint.every=20"]),
    ];

    public static Command Create()
    {
        var job = new Argument<string>("JOB");
        var set = new Option<string[]>("--set");
        var processes = new Option<int>("--processes") { DefaultValueFactory = _ => 2 };
        var from = new Option<int>("--from") { DefaultValueFactory = _ => 20, Description = "The step behind which the clock starts." };
        var to = new Option<int>("--to") { DefaultValueFactory = _ => 120, Description = "The step behind which it stops." };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var command = new Command("safety", "A job's steps with copies of the state in memory, with checkpoints every 20 steps, and with neither, alternated.") { job, set, processes, from, to, rounds };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], parsed.GetValue(processes), parsed.GetValue(from), parsed.GetValue(to), parsed.GetValue(rounds)));
        return command;
    }

    private static void Run(string job, string[] overrides, int processes, int from, int to, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-");
        var ratios = Modes.ToDictionary(mode => mode.Name, _ => (Wall: new List<double>(), Median: new List<double>()));
        for (var round = 0; round < rounds; round++)
        {
            var measured = new Dictionary<string, (double Wall, double Median)>();
            for (var turn = 0; turn < Modes.Length; turn++)
            {
                var (name, settings) = Modes[(turn + round) % Modes.Length];
                measured.Add(name, Measure(folder.FullName, job, [.. overrides, .. settings], processes, from, to));
            }

            foreach (var (name, (wall, median)) in measured)
            {
                ratios[name].Wall.Add(wall / measured["neither"].Wall);
                ratios[name].Median.Add(median / measured["neither"].Median);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{name}: {wall * 1e3:F2} ms a step by the clock ({ratios[name].Wall[^1]:F3}), median step {median * 1e3:F2} ms ({ratios[name].Median[^1]:F3})"));
            }
        }

        foreach (var (name, _) in Modes.Skip(1))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{name}: median of the paired ratios {Figures.Median(ratios[name].Wall):F3} by the clock, {Figures.Median(ratios[name].Median):F3} of the median steps"));
        }

        folder.Delete(recursive: true);
    }

    /// <summary>A step's own time does not hold what comes between two steps, so the clock runs from one step's line to another's.</summary>
    private static (double Wall, double Median) Measure(string folder, string job, string[] settings, int processes, int from, int to)
    {
        string[] arguments =
        [
            "train", job, "--json", "--processes", $"{processes}", "--set", $"job.steps={to + 1}", "--set", $"job.directory={folder}/run", "--set", "evaluation.every=0",
            .. settings.SelectMany(value => new[] { "--set", value }),
        ];
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var metrics = Path.Combine(folder, "run", "metrics.jsonl");
        var seen = new Dictionary<int, long>();   // when a step's line was there
        var (lines, read) = (0, 0L);
        for (; !process.HasExited && !seen.ContainsKey(to); Thread.Sleep(1))
        {
            Follow();
        }

        process.WaitForExit();
        Follow();
        if (process.ExitCode != 0)
        {
            throw new IOException(errors.Result);
        }

        _ = output.Result;
        double[] steps = [.. File.ReadLines(metrics).Skip(from).Take(to - from).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step_seconds").GetDouble())];
        Directory.Delete(Path.Combine(folder, "run"), recursive: true);
        return (Stopwatch.GetElapsedTime(seen[from], seen[to]).TotalSeconds / (to - from), Figures.Median(steps));

        void Follow()
        {
            if (!File.Exists(metrics))
            {
                return;
            }

            using var stream = new FileStream(metrics, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            stream.Seek(read, SeekOrigin.Begin);
            var bytes = new byte[stream.Length - read];
            stream.ReadExactly(bytes);
            read += bytes.Length;
            for (var line = 0; line < bytes.Count(b => b == (byte)'\n'); line++)
            {
                seen.TryAdd(++lines, Stopwatch.GetTimestamp());
            }
        }
    }
}
