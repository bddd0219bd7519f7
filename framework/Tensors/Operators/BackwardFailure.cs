namespace Pipeline.Tensors.Operators;

/// <summary>A failure in the backward of an operator that is written here. Libtorch's engine could not take the exception, the process would end;
/// so the gradients stay undefined and the exception waits for who started the backward. On a GPU the engine runs it on a thread of its own,
/// and so it is the thread of the forward that finds it.</summary>
public sealed class BackwardFailure
{
    [ThreadStatic]
    private static BackwardFailure? ofThread;

    private Exception? first;

    internal static BackwardFailure OfThread => ofThread ??= new();

    /// <summary>To be called after each backward, on the thread that its forward ran on.</summary>
    /// <exception cref="InvalidOperationException">A backward has failed since the last call.</exception>
    public static void ThrowIfAny()
    {
        if (Interlocked.Exchange(ref OfThread.first, null) is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>Later ones, which may follow from the first, are dropped.</summary>
    internal void Remember(string name, Exception reason) => Interlocked.CompareExchange(
        ref first, new InvalidOperationException($"The backward of {name} failed: {reason.Message}", reason), null);
}
