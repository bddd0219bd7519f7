using System.Diagnostics.CodeAnalysis;

namespace Pipeline.Runtime.Coordination;

/// <summary>One report from each worker.</summary>
internal sealed class Reports<T>(int workers)
    where T : class
{
    private readonly T?[] reports = new T?[workers];
    private int count;

    /// <summary>Adds a worker's report; true, with all of them in the order of workers, when it was the last. The next round then begins.</summary>
    public bool Complete(int worker, T report, [NotNullWhen(true)] out IReadOnlyList<T>? all)
    {
        reports[worker] = report;
        all = null;
        if (++count < workers)
        {
            return false;
        }

        all = [.. reports.Select(one => one!)];
        Array.Clear(reports);
        count = 0;
        return true;
    }
}
