using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Cli;

/// <summary>The model families that the command knows.</summary>
internal static class Architectures
{
    public static IReadOnlyList<IArchitecture> All { get; } = [new Gpt2()];
}
