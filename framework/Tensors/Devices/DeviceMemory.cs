using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Devices;

/// <summary>How much memory is in use where a device's tensors live.</summary>
public static partial class DeviceMemory
{
    /// <summary>Bytes. On a CPU what the process has allocated natively, to the byte; on a GPU what the driver has given to all processes, in
    /// the large blocks that libtorch asks for. 0 where the platform does not tell.</summary>
    public static long Used(Device device) => device.type == TorchSharp.DeviceType.CPU ? OfProcess() : CudaRuntime.UsedMemory(device);

    /// <summary>Bytes that a GPU has; 0 where the driver does not tell.</summary>
    public static long OfGpu(Device device) => CudaRuntime.TotalMemory(device);

    private static long OfProcess()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "mallinfo2", out _))
        {
            return 0;
        }

        mallinfo2(out var info);
        return (long)(info.UsedInArenas + info.UsedByMappings);
    }

    // glibc 2.33 and newer returns the structure through a hidden first argument, as for any large structure.
    [LibraryImport("libc")]
    private static partial void mallinfo2(out AllocatorState state);

    /// <summary>glibc's <c>struct mallinfo2</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct AllocatorState
    {
        public nuint Arena;
        public nuint FreeChunks;
        public nuint FastBlocks;
        public nuint Mappings;
        public nuint UsedByMappings;
        public nuint HighestUse;
        public nuint FreeInFastBlocks;
        public nuint UsedInArenas;
        public nuint FreeInArenas;
        public nuint Releasable;
    }
}
