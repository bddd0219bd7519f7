using static TorchSharp.torch;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>A tensor of a safetensors file. <paramref name="Begin"/> and <paramref name="End"/> (exclusive) count bytes from the
/// end of the header.</summary>
public sealed record SafeTensorsEntry(string Name, ScalarType Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    public long Bytes => End - Begin;
}
