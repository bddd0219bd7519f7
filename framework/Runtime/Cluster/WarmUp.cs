using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Cluster;

/// <summary>What a process does once before it can take a stage without delay: its code is compiled, and libtorch's kernels are loaded.</summary>
internal static class WarmUp
{
    /// <summary>One micro-batch through the first stage, forwards and backwards.</summary>
    /// <param name="device">That the process lends.</param>
    public static void Run(StagePlan plan, Device device)
    {
        using var scope = NewDisposeScope();
        using var executor = plan.CreateExecutor(0, 0, device);
        using var output = executor.Forward(1, 0, null);
        executor.InputGradient(0, output is null ? null : zeros_like(output).DetachFromDisposeScope());
    }
}
