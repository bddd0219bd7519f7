namespace Pipeline.Runtime.Stages;

/// <summary>The newest epoch, raised by the coordinator and read by stages between actions.</summary>
internal sealed class Fence(long first)
{
    private long epoch = first;

    public long Epoch => Volatile.Read(ref epoch);

    public void Raise() => Interlocked.Increment(ref epoch);
}
