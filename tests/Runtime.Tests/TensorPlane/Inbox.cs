using System.Collections.Concurrent;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>Keeps what arrives.</summary>
internal sealed class Inbox : ILinkReceiver, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly BlockingCollection<Frame> frames = [];
    private readonly BlockingCollection<Credit> credits = [];
    private readonly TaskCompletionSource<string> lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int losses;

    public int Losses => Volatile.Read(ref losses);

    public int Frames => frames.Count;

    public Task<string> Lost => lost.Task.WaitAsync(Patience);

    public Frame Next() => frames.TryTake(out var frame, Patience) ? frame : throw new TimeoutException($"No frame arrived. {(Losses > 0 ? lost.Task.Result : "")}");

    public Credit NextCredit() => credits.TryTake(out var credit, Patience) ? credit : throw new TimeoutException("No credit arrived.");

    public void Receive(Frame frame) => frames.Add(frame);

    public void Receive(Credit credit) => credits.Add(credit);

    void ILinkReceiver.Lost(int worker, string reason)
    {
        lost.TrySetResult(reason);
        Interlocked.Increment(ref losses);
        frames.CompleteAdding();
    }

    public void Dispose()
    {
        while (frames.TryTake(out var frame))
        {
            frame.Dispose();
        }
    }
}
