using System.Runtime.InteropServices;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>Memory that stays where it is: the system's <c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly unsafe struct MemoryPiece(byte* start, nint length)
{
    private readonly byte* start = start;

    public nint Length { get; } = length;

    /// <summary>What is left of it behind so many bytes.</summary>
    public MemoryPiece From(nint offset) => new(start + offset, Length - offset);

    public MemoryPiece Longer(nint bytes) => new(start, Length + bytes);

    /// <summary>Whether this memory ends where the other begins.</summary>
    public bool IsBefore(byte* other) => start + Length == other;
}
