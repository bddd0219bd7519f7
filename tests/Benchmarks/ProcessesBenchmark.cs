using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Pipeline.Benchmarks;

/// <summary>What it costs to run a job's stages in processes of their own: the real command, in one process and over several in turn.</summary>
internal static class ProcessesBenchmark
{
    public static Command Create()
    {
        var job = new Argument<string>("JOB");
        var set = new Option<string[]>("--set");
        var processes = new Option<int>("--processes") { DefaultValueFactory = _ => 2 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 400 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var command = new Command("processes", "A job's step in one process and over several, alternated.") { job, set, processes, steps, rounds };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], parsed.GetValue(processes), parsed.GetValue(steps), parsed.GetValue(rounds)));
        return command;
    }

    private static void Run(string job, string[] overrides, int processes, int steps, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-");
        string[] common =
        [
            "train", job, "--json", "--set", $"job.steps={steps}", "--set", $"job.directory={folder.FullName}/run", "--set", "evaluation.every=0",
            .. overrides.SelectMany(value => new[] { "--set", value }),
        ];
        var ratios = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var one = StepSeconds(folder.FullName, common);
            var several = StepSeconds(folder.FullName, [.. common, "--processes", processes.ToString(CultureInfo.InvariantCulture)]);
            ratios.Add(several / one);
            Console.WriteLine(FormattableString.Invariant($"one process {one * 1e3:F2} ms, {processes} processes {several * 1e3:F2} ms a step: {several / one:F3}"));
        }

        Console.WriteLine(FormattableString.Invariant($"median of the paired ratios: {Figures.Median(ratios):F3}"));
        folder.Delete(recursive: true);
    }

    /// <summary>The median over the second half of the steps: in the first, code is still being compiled for speed.</summary>
    private static double StepSeconds(string folder, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new IOException(errors.Result);
        }

        var steps = File.ReadLines(Path.Combine(folder, "run", "metrics.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step_seconds").GetDouble()).ToArray();
        return Figures.Median(steps[(steps.Length / 2)..]);
    }
}
