using System.Diagnostics.CodeAnalysis;

namespace Pipeline.Runtime.Coordination;

/// <summary>One report from each stage.</summary>
internal sealed class StepReports<T>(int stages)
    where T : class
{
    private readonly T?[] reports = new T?[stages];
    private int count;

    /// <summary>Adds a stage's report; true, with all of them in stage order, when it was the last. The next round then begins.</summary>
    public bool Complete(int stage, T report, [NotNullWhen(true)] out IReadOnlyList<T>? all)
    {
        reports[stage] = report;
        all = null;
        if (++count < stages)
        {
            return false;
        }

        all = [.. reports.Select(one => one!)];
        Array.Clear(reports);
        count = 0;
        return true;
    }
}
