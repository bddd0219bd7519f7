using System.Runtime.CompilerServices;
using Pipeline.Tensors.Loading;

namespace Pipeline.Tests;

internal static class Torch
{
    /// <summary>Before any test: some touch TorchSharp first.</summary>
    [ModuleInitializer]
    internal static void Load() => LibTorch.Load();
}
