using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Devices;

/// <summary>The CUDA runtime that libtorch has loaded, for what TorchSharp does not wrap. Its file name carries a version that belongs to the
/// install, so the loaded one is looked up.</summary>
internal static class CudaRuntime
{
    private static readonly Lazy<nint> Library = new(Find);

    /// <summary>Bytes in use on a GPU; 0 where the runtime does not tell.</summary>
    public static unsafe long UsedMemory(Device device)
    {
        var getDevice = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(Library.Value, "cudaGetDevice");
        var setDevice = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(Library.Value, "cudaSetDevice");
        var memory = (delegate* unmanaged<nuint*, nuint*, int>)NativeLibrary.GetExport(Library.Value, "cudaMemGetInfo");
        cuda.synchronize(device);
        int current = 0;
        nuint free = 0, total = 0;
        var told = getDevice(&current) == 0 && setDevice(device.index) == 0 && memory(&free, &total) == 0;
        setDevice(current);   // the thread's own choice, which libtorch relies on
        return told ? (long)(total - free) : 0;
    }

    private static nint Find()
    {
        var path = File.ReadLines("/proc/self/maps").Where(line => line.Contains("libcudart", StringComparison.Ordinal))
            .Select(line => line[line.IndexOf('/', StringComparison.Ordinal)..]).FirstOrDefault()
            ?? throw new InvalidOperationException("libtorch runs on a GPU, but no CUDA runtime is loaded.");
        return NativeLibrary.Load(path);
    }
}
