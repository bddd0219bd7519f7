using System.Globalization;
using Pipeline.Core;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Runs;

/// <summary>Turns the job file's <c>device</c> into one device a stage.</summary>
public static class Devices
{
    /// <param name="names"><c>cpu</c>, <c>cuda</c> (stages spread over all GPUs in order), <c>cuda:1</c>; one for all or one a stage.</param>
    /// <exception cref="BadInputException">A GPU that is not there.</exception>
    public static IReadOnlyList<Device> Place(IReadOnlyList<string> names, int stages)
    {
        var gpus = names.All(name => name == "cpu") ? 0 : cuda.is_available() ? cuda.device_count() : 0;
        return [.. Enumerable.Range(0, stages).Select(stage => Of(names.Count == 1 ? names[0] : names[stage], stage, stages, gpus))];
    }

    private static Device Of(string name, int stage, int stages, int gpus)
    {
        if (name == "cpu")
        {
            return CPU;
        }

        if (gpus == 0)
        {
            throw new BadInputException($"device is {name}, but libtorch finds no CUDA device here; pipeline doctor says what it finds.");
        }

        var index = name == "cuda" ? stage * gpus / stages : int.Parse(name.AsSpan("cuda:".Length), CultureInfo.InvariantCulture);
        return index < gpus
            ? new Device(TorchSharp.DeviceType.CUDA, index)
            : throw new BadInputException($"device is {name}, but there are only {gpus} CUDA devices here, counted from 0.");
    }
}
