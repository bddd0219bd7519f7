using System.Diagnostics;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Devices;

/// <summary>Tells when a device reaches points in the work that one thread gives it. On a CPU work is done when its call returns; a GPU works behind
/// the calls, so there marks are events between its kernels.</summary>
public abstract class DeviceClock : IDisposable
{
    /// <summary>To be made on the thread that gives the work; that thread's GPU is <paramref name="device"/> from then on.</summary>
    public static DeviceClock Of(Device device) => device.type == TorchSharp.DeviceType.CPU ? new HostClock() : new CudaClock(device);

    /// <summary>Marks the end of the work given so far.</summary>
    public abstract long Mark();

    /// <summary>Stopwatch ticks at which the device reached each mark since the last call; waits until it has.</summary>
    public abstract IReadOnlyList<long> Times(IReadOnlyList<long> marks);

    public abstract void Dispose();

    private sealed class HostClock : DeviceClock
    {
        public override long Mark() => Stopwatch.GetTimestamp();

        public override IReadOnlyList<long> Times(IReadOnlyList<long> marks) => marks;

        public override void Dispose()
        {
        }
    }
}
