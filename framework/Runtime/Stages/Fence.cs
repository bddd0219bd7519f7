namespace Pipeline.Runtime.Stages;

/// <summary>The newest epoch that a process knows of, read by its stages between actions: a stage at work reads no mailbox.</summary>
internal sealed class Fence
{
    private long epoch;

    public long Epoch => Volatile.Read(ref epoch);

    public void Raise(long newest) => Volatile.Write(ref epoch, newest);
}
