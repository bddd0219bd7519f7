using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests;

/// <summary>For tests of what the process has one of, libtorch's generator and the count of live tensors: nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone
{
    /// <summary>Live tensors, without those that earlier tests have dropped and that the collector would count off at some moment later.</summary>
    internal static long LiveTensors()
    {
        for (var generation = 0; generation < 2; generation++)   // what a finalizer lets go may have one too
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return Tensor.TotalCount;
    }
}
