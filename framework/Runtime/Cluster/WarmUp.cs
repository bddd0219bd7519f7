using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Cluster;

/// <summary>What a process does once before it can take a stage without delay: its code is compiled, and libtorch's kernels are loaded.</summary>
internal static class WarmUp
{
    /// <summary>One micro-batch through the first stage, forwards and backwards, and its optimizer.</summary>
    public static void Run(StagePlan plan)
    {
        using var scope = NewDisposeScope();
        using var executor = plan.CreateExecutor(0, 0, CPU);
        using var output = executor.Forward(1, 0, null);
        executor.InputGradient(0, output is null ? null : zeros_like(output).DetachFromDisposeScope());
    }
}
