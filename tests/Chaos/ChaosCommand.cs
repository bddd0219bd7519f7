using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Pipeline.Chaos.Runs;

namespace Pipeline.Chaos;

/// <summary>Draws faults from a seed, runs jobs that have them, and tells whether anything was lost.</summary>
internal static class ChaosCommand
{
    public static RootCommand Create()
    {
        var faults = new Option<int>("--faults") { DefaultValueFactory = _ => 200, Description = "So many are drawn, several to a run." };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => Environment.TickCount & 0xffff, Description = "That they are drawn from." };
        var only = new Option<int?>("--only") { Description = "This run of the seed alone." };
        var most = new Option<int?>("--most") { Description = "With --results: so many runs now." };
        var results = new Option<FileInfo?>("--results") { Description = "A file with a line for each run; runs that are in it are not run again." };
        var report = new Option<FileInfo?>("--report") { Description = "Where to write the results of all runs as Markdown." };
        var keep = new Option<DirectoryInfo>("--keep") { DefaultValueFactory = _ => new("runs/chaos"), Description = "Where the records of runs that failed are kept." };
        var command = new RootCommand("Training runs of real processes to which things happen, against the same runs undisturbed.") { faults, seed, only, most, results, report, keep };
        command.SetAction(parsed => Run(
            parsed.GetValue(faults), parsed.GetValue(seed), parsed.GetValue(only), parsed.GetValue(most), parsed.GetValue(results), parsed.GetValue(report), parsed.GetValue(keep)!));
        return command;
    }

    private static int Run(int faults, int seed, int? only, int? most, FileInfo? file, FileInfo? report, DirectoryInfo keep)
    {
        var known = file is { Exists: true } ? File.ReadLines(file.FullName).Select(line => JsonSerializer.Deserialize<ChaosResult>(line)!).Where(one => one.Run.Seed == seed).ToList() : [];
        var references = new References();
        Console.WriteLine($"seed {seed}");
        var all = DrawnRun.Of(seed, faults, ChaosJob.All).ToArray();
        foreach (var run in all.Where(run => only is null ? known.All(one => one.Run.Index != run.Index) : run.Index == only).Take(most ?? int.MaxValue))
        {
            var result = new DisturbedRun(run, references).Run(keep.FullName);
            known.Add(result);
            if (file is not null && only is null)
            {
                File.AppendAllText(file.FullName, JsonSerializer.Serialize(result) + "\n");
            }

            Tell(result, faults);
        }

        var table = ChaosReport.Table(known);
        Console.Write(table);
        if (report is not null)
        {
            File.WriteAllText(report.FullName, ChaosReport.Page(seed, faults, known));
        }

        return known.All(result => result.IsGood) ? 0 : 1;
    }

    private static void Tell(ChaosResult result, int faults)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"run {result.Run.Index}, {result.Seconds:F1} s, {(result.IsGood ? "good" : "FAILED")}, {result.Faults.Count(fault => fault.Fired)} fired: {result.Run}"));
        foreach (var line in result.IsGood ? [] : result.Problems.Concat(result.Tail).Append($"again: dotnet run -c Release --project tests/Chaos -- --faults {faults} --seed {result.Run.Seed} --only {result.Run.Index}"))
        {
            Console.WriteLine($"    {line}");
        }
    }
}
