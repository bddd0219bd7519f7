namespace Pipeline.Tensors.Tests;

/// <summary>For tests of what the process has one of, libtorch's generator and the count of live tensors: nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
