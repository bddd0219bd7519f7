using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Devices;

/// <summary>The CUDA runtime that libtorch has loaded, for what TorchSharp does not wrap. Its file name carries a version that belongs to the
/// install, so the loaded one is looked up.</summary>
internal static unsafe class CudaRuntime
{
    private static readonly Lazy<nint> Library = new(Find);

    /// <summary>Bytes in use on a GPU; 0 where the runtime does not tell.</summary>
    public static long UsedMemory(Device device)
    {
        var (free, total) = Memory(device);
        return total - free;
    }

    /// <summary>Bytes that a GPU has; 0 where the runtime does not tell.</summary>
    public static long TotalMemory(Device device) => Memory(device).Total;

    private static (long Free, long Total) Memory(Device device)
    {
        cuda.synchronize(device);
        int current = 0;
        nuint free = 0, total = 0;
        var told = ((delegate* unmanaged<int*, int>)Function("cudaGetDevice"))(&current) == 0
            && TrySetDevice(device.index)
            && ((delegate* unmanaged<nuint*, nuint*, int>)Function("cudaMemGetInfo"))(&free, &total) == 0;
        TrySetDevice(current);   // the thread's own choice, which libtorch relies on
        return told ? ((long)free, (long)total) : (0, 0);
    }

    /// <summary>Makes a GPU the calling thread's.</summary>
    public static void SetDevice(int index) => Check(TrySetDevice(index) ? 0 : -1, "cudaSetDevice");

    public static long CreateEvent()
    {
        nint created = 0;
        Check(((delegate* unmanaged<nint*, int>)Function("cudaEventCreate"))(&created), "cudaEventCreate");
        return created;
    }

    public static void DestroyEvent(long mark) => ((delegate* unmanaged<nint, int>)Function("cudaEventDestroy"))((nint)mark);

    /// <summary>On the default stream of the thread's GPU.</summary>
    public static void Record(long mark) => Check(((delegate* unmanaged<nint, nint, int>)Function("cudaEventRecord"))((nint)mark, 0), "cudaEventRecord");

    public static void Wait(long mark) => Check(((delegate* unmanaged<nint, int>)Function("cudaEventSynchronize"))((nint)mark), "cudaEventSynchronize");

    public static float Milliseconds(long from, long to)
    {
        float elapsed = 0;
        Check(((delegate* unmanaged<float*, nint, nint, int>)Function("cudaEventElapsedTime"))(&elapsed, (nint)from, (nint)to), "cudaEventElapsedTime");
        return elapsed;
    }

    private static bool TrySetDevice(int index) => ((delegate* unmanaged<int, int>)Function("cudaSetDevice"))(index) == 0;

    private static nint Function(string name) => NativeLibrary.GetExport(Library.Value, name);

    private static void Check(int code, string function)
    {
        if (code != 0)
        {
            throw new InvalidOperationException($"{function} failed with CUDA error {code}.");
        }
    }

    private static nint Find()
    {
        var path = File.ReadLines("/proc/self/maps").Where(line => line.Contains("libcudart", StringComparison.Ordinal))
            .Select(line => line[line.IndexOf('/', StringComparison.Ordinal)..]).FirstOrDefault()
            ?? throw new InvalidOperationException("libtorch runs on a GPU, but no CUDA runtime is loaded.");
        return NativeLibrary.Load(path);
    }
}
