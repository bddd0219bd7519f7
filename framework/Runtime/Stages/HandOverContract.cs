using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>What a tensor from another worker must be like before it reaches libtorch, which would broadcast a wrong shape or abort the
/// process.</summary>
internal static class HandOverContract
{
    /// <exception cref="InvalidDataException">The tensor has another type or shape; the sentence says both.</exception>
    public static void Check(string what, Tensor got, ScalarType type, IReadOnlyList<long> shape)
    {
        if (got.dtype != type || !got.shape.SequenceEqual(shape))
        {
            throw Broken(what, got, $"{type} [{string.Join(", ", shape)}]");
        }
    }

    /// <returns>The tensor without history on a device, in the caller's scope; the one handed over is disposed.</returns>
    /// <exception cref="InvalidDataException">As above.</exception>
    public static Tensor Take(string what, Tensor handed, ScalarType type, IReadOnlyList<long> shape, Device device)
    {
        using (handed)
        {
            Check(what, handed, type, shape);
            return handed.to(device).detach();
        }
    }

    /// <summary>Activations may have any shape whose first dimension is the micro-batch's; integers are tokens.</summary>
    /// <exception cref="InvalidDataException">As above.</exception>
    public static void CheckActivation(string what, Tensor got, ScalarType type, long sequences)
    {
        if ((got.dtype != type && !is_integral(got.dtype)) || got.dim() == 0 || got.shape[0] != sequences)
        {
            throw Broken(what, got, $"{type} [{sequences}, ...]");
        }
    }

    private static InvalidDataException Broken(string what, Tensor got, string expected) =>
        new($"{what} came as {got.dtype} [{string.Join(", ", got.shape)}], and {expected} is expected");
}
