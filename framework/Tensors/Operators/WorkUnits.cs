using System.Runtime.InteropServices;

namespace Pipeline.Tensors.Operators;

/// <summary>Independent pieces of a kernel's work on several threads. How the work is cut does not depend on their number, so neither do results.</summary>
internal static unsafe class WorkUnits
{
    private const nuint CacheLine = 64;

    /// <summary>Runs every unit once. One thread is the caller's own; more come from the pool, and the caller is among them.</summary>
    /// <param name="scratchBytes">Memory that each thread gets for its own use, at a cache line's border; its content is arbitrary.</param>
    public static void Run(int units, int threads, nuint scratchBytes, Action<int, nint> body)
    {
        var next = -1;
        var workers = Math.Min(threads, units);
        if (workers <= 1)
        {
            Work(0);
        }
        else
        {
            Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, Work);
        }

        void Work(int worker)
        {
            var scratch = NativeMemory.AlignedAlloc(scratchBytes, CacheLine);
            try
            {
                for (var unit = Interlocked.Increment(ref next); unit < units; unit = Interlocked.Increment(ref next))
                {
                    body(unit, (nint)scratch);
                }
            }
            finally
            {
                NativeMemory.AlignedFree(scratch);
            }
        }
    }
}
