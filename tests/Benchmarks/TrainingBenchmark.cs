using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Pipeline.Benchmarks;

/// <summary>Step time of the shakespeare recipe: the pipeline, the plain loop, and PyTorch where a peer script is given, each a process of
/// its own, in turn, several rounds; the figure is the median of the ratios within a round.</summary>
internal static class TrainingBenchmark
{
    public static Command Create()
    {
        var job = new Option<string>("--job") { DefaultValueFactory = _ => "examples/shakespeare.hocon" };
        var text = new Option<string>("--text") { Required = true, Description = "A text file, such as tinyshakespeare.txt." };
        var peer = new Option<string?>("--peer") { Description = "A Python script that takes TEXT STEPS and prints JSON with step_ms." };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 200 };
        var microBatches = new Option<int[]>("--micro-batches") { DefaultValueFactory = _ => [2, 3, 4], AllowMultipleArgumentsPerToken = true };
        var schedules = new Option<string[]>("--schedules") { DefaultValueFactory = _ => ["1f1b", "zb-h1", "zb-v"], AllowMultipleArgumentsPerToken = true };
        var command = new Command("training", "Step time against a plain loop and PyTorch.") { job, text, peer, rounds, steps, microBatches, schedules };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(job),
            parsed.GetRequiredValue(text),
            parsed.GetValue(peer),
            parsed.GetValue(rounds),
            parsed.GetValue(steps),
            [.. from schedule in parsed.GetRequiredValue(schedules) from m in parsed.GetRequiredValue(microBatches) select new Layout(schedule, m)]));
        return command;
    }

    private sealed record Layout(string Schedule, int MicroBatches)
    {
        public override string ToString() => $"{Schedule} m={MicroBatches}";
    }

    private static void Run(string job, string text, string? peer, int rounds, int steps, Layout[] layouts)
    {
        var columns = layouts.Select(layout => $"{layout}").Append("plain").Concat(peer is null ? [] : ["peer"]).ToArray();
        var table = new List<Dictionary<string, double>>();
        Console.WriteLine($"step time in ms, median of {steps} steps; {Environment.ProcessorCount} cores");
        for (var round = 0; round < rounds; round++)
        {
            var row = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (var layout in layouts)
            {
                row[$"{layout}"] = Pipeline(job, text, steps, layout);
            }

            row["plain"] = Number(Start("dotnet", [typeof(TrainingBenchmark).Assembly.Location, "plain", job, .. Sets(text, steps, 1)]));
            if (peer is not null)
            {
                row["peer"] = Json(Start("/usr/bin/python3", [peer, text, steps.ToString(CultureInfo.InvariantCulture)]), "step_ms");
            }

            table.Add(row);
            Console.WriteLine(string.Join("  ", columns.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c} {row[c],7:F2}"))));
        }

        var best = layouts.Select(layout => $"{layout}").MinBy(c => Figures.Median(table.Select(row => row[c])))!;
        foreach (var other in columns.Where(c => c is "plain" or "peer"))
        {
            var ratio = Figures.Median(table.Select(row => row[best] / row[other]));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pipeline ({best}) / {other}: {ratio:F3}"));
        }
    }

    private static double Pipeline(string job, string text, int steps, Layout layout)
    {
        var directory = Directory.CreateTempSubdirectory("pipeline-benchmark-");
        try
        {
            var program = Path.Combine(AppContext.BaseDirectory, "pipeline.dll");
            var set = Sets(text, steps, layout.MicroBatches).Concat(
                ["--set", $"job.directory={Path.Combine(directory.FullName, "run")}", "--set", $"parallel={{stages=2,schedule={layout.Schedule}}}"]);
            return 1e3 * Json(Start("dotnet", [program, "train", job, "--json", .. set]), "median_step_seconds");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static string[] Sets(string text, int steps, int microBatches) =>
    [
        "--set", $"data.files={Path.GetFullPath(text)}", "--set", $"job.steps={steps}", "--set", $"batch.micro-batches={microBatches}",
        "--set", "evaluation.every=0", "--set", "checkpoint.every=0",
    ];

    private static string Start(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {errors.Result}");
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static double Json(string text, string key) => JsonDocument.Parse(text).RootElement.GetProperty(key).GetDouble();
}
