using System.Globalization;
using Pipeline.Core;
using Pipeline.Tensors.Devices;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Cluster;

/// <summary>The devices that a node lends.</summary>
public static class OfferedDevices
{
    /// <param name="names"><c>auto</c> (all GPUs, or the CPU where there is none), or some of <c>cpu</c>, <c>cuda</c> (all GPUs) and <c>cuda:N</c>.</param>
    /// <exception cref="BadInputException">A GPU is not there.</exception>
    public static IReadOnlyList<NodeDevice> Of(IReadOnlyList<string> names)
    {
        var gpus = names is ["cpu"] || !cuda.is_available() ? 0 : cuda.device_count();
        var chosen = names.SelectMany(name => name switch
        {
            "auto" => gpus > 0 ? All(gpus) : ["cpu"],
            "cuda" when gpus > 0 => All(gpus),
            "cpu" => ["cpu"],
            _ when gpus > 0 && name != "cuda" && int.Parse(name.AsSpan("cuda:".Length), CultureInfo.InvariantCulture) < gpus => [name],
            _ => throw new BadInputException($"pipeline.node.devices: there is no {name} here: libtorch finds {gpus} CUDA devices; pipeline doctor says what it finds."),
        });
        return [.. chosen.Distinct().Select(name => new NodeDevice(name, MemoryOf(name), []))];
    }

    /// <summary>For several nodes of this machine one device each: GPUs in turn, or the CPU.</summary>
    /// <param name="device">The job's: cpu, or cuda.</param>
    public static IReadOnlyList<string> Spread(string device, int nodes)
    {
        var own = Of([device]);
        return [.. Enumerable.Range(0, nodes).Select(node => own[node % own.Count].Name)];
    }

    private static IEnumerable<string> All(int gpus) => Enumerable.Range(0, gpus).Select(index => $"cuda:{index}");

    private static long MemoryOf(string name) => name == "cpu" ? HostMemory.Measure().Total : DeviceMemory.OfGpu(new Device(name));
}
