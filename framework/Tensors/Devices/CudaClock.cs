using System.Diagnostics;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Devices;

/// <summary>Marks on a GPU's default stream, which libtorch gives all work of a stage. Marks are events from a pool; the time of an event is known
/// relative to another, so a base with a host's time is set anew whenever the device is waited for anyway: single precision counts
/// milliseconds from there.</summary>
internal sealed class CudaClock : DeviceClock
{
    private readonly Stack<long> spare = new();
    private long baseEvent;
    private long baseTicks;

    public CudaClock(Device device)
    {
        CudaRuntime.SetDevice(device.index);
        Rebase();
    }

    public override long Mark()
    {
        var mark = spare.TryPop(out var used) ? used : CudaRuntime.CreateEvent();
        CudaRuntime.Record(mark);
        return mark;
    }

    public override IReadOnlyList<long> Times(IReadOnlyList<long> marks)
    {
        var (before, ticks) = (baseEvent, baseTicks);
        Rebase();   // waits until the device has reached all of them, in whatever order they are given
        long[] times = [.. marks.Select(mark => ticks + (long)(CudaRuntime.Milliseconds(before, mark) * 1e-3 * Stopwatch.Frequency))];
        foreach (var mark in marks.Append(before))
        {
            spare.Push(mark);
        }

        return times;
    }

    public override void Dispose()
    {
        foreach (var mark in spare.Append(baseEvent))
        {
            CudaRuntime.DestroyEvent(mark);
        }

        spare.Clear();
    }

    private void Rebase()
    {
        baseEvent = Mark();
        CudaRuntime.Wait(baseEvent);
        baseTicks = Stopwatch.GetTimestamp();
    }
}
