using System.Globalization;
using System.Text;
using Pipeline.Chaos.Runs;

namespace Pipeline.Chaos;

/// <summary>The results of many runs, as Markdown.</summary>
internal static class ChaosReport
{
    /// <summary>Faults by kind and phase: how many there were, and how long it took to go on.</summary>
    public static string Table(IReadOnlyList<ChaosResult> results)
    {
        var text = new StringBuilder("""
            | Fault | Phase | Injected | Fired | Run thrown back | Median time to go on | Worst |
            | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var group in results.SelectMany(result => result.Faults).GroupBy(one => (one.Fault.Kind, one.Fault.Phase)).OrderBy(group => group.Key))
        {
            Row(text, group.Key.Kind, group.Key.Phase, [.. group]);
        }

        Row(text, "all", "", [.. results.SelectMany(result => result.Faults)]);
        return text.ToString();
    }

    public static string Page(int seed, int faults, IReadOnlyList<ChaosResult> results)
    {
        var failed = results.Where(result => !result.IsGood).OrderBy(result => result.Run.Index).ToArray();
        var jobs = results.GroupBy(result => result.Run.Job.Name).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"`{group.Key}` ({group.Count()})");
        return string.Create(CultureInfo.InvariantCulture, $$"""
            # Chaos: what happens to runs to which things happen

            Written by `dotnet run -c Release --project tests/Chaos -- --faults {{faults}} --seed {{seed}} --report framework/docs/chaos.md`, on {{Environment.ProcessorCount}} cores
            (times include what other programs took of them).

            Each run is `pipeline train` over several processes of one machine, with and without spares, and with several faults drawn from the seed: by
            [`--inject`](faults.md) at a stage, step and phase, or by signals to any of its processes after a step (`outside`: SIGKILL, SIGTERM, and SIGSTOP for 20 s). Its losses, gradient norms and validation
            losses, and every tensor of its last checkpoint, are compared with a run of the same job in one process to which nothing happens (but for steps that a `nan`
            makes it skip): they must be equal to the last bit. Every step must be in the records once, in order, and of the last epoch that began before it; the command must end with exit code 0; every
            process that was killed must be noticed; no process and nothing half-written may be left; checkpoints must be whole.

            **{{results.Count}} runs with {{results.Sum(result => result.Faults.Count)}} faults; {{(failed.Length == 0 ? "none failed" : $"{failed.Length} failed")}}.** {{results.Sum(result => result.Seconds) / 60:F0}} minutes in all, the longest run {{results.Max(result => result.Seconds):F0}} s.

            The time to go on is that from the fault to the first step that had not been committed before it, replay included; several faults at once count each. A fault may not come: one that is
            armed for a frame between processes has none where stages have come to share a process.

            {{Table(results)}}
            Runs by job: {{string.Join(", ", jobs)}}.

            """) + string.Concat(failed.Select(result => $"""

            Run {result.Run.Index} failed ({result.Run}): {string.Join("; ", result.Problems)}.

            """));
    }

    private static void Row(StringBuilder text, string kind, string phase, IReadOnlyList<FaultOutcome> faults)
    {
        double[] times = [.. faults.Select(fault => fault.RecoverySeconds).OfType<double>().Order()];
        var (median, worst) = times.Length == 0 ? ("", "") : (Seconds((times[(times.Length - 1) / 2] + times[times.Length / 2]) / 2), Seconds(times[^1]));
        text.Append(CultureInfo.InvariantCulture, $"| {kind} | {phase} | {faults.Count} | {faults.Count(fault => fault.Fired)} | {times.Length} | {median} | {worst} |\n");
    }

    private static string Seconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:F2} s");
}
