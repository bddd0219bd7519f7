using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Frames;

/// <summary>A contiguous CPU tensor's own bytes in C order, without a copy and beyond the 2 GiB where TorchSharp's spans end. Whoever holds this
/// keeps the tensor alive.</summary>
public readonly unsafe partial struct TensorMemory
{
    private readonly byte* start;

    /// <exception cref="ArgumentException">Not contiguous, or not on the CPU.</exception>
    public TensorMemory(Tensor tensor)
    {
        if (!IsLocal(tensor))
        {
            throw new ArgumentException("Only contiguous tensors on the CPU have their bytes in one piece of memory.", nameof(tensor));
        }

        Length = tensor.numel() * tensor.ElementSize;
        if (Length > 0 && (aoti_torch_get_data_ptr(tensor.Handle, out start) != 0 || start == null))
        {
            throw new InvalidOperationException("libtorch did not say where a tensor's memory is.");
        }
    }

    /// <summary>In bytes.</summary>
    public long Length { get; }

    /// <summary>The address of the first byte; null without any.</summary>
    internal byte* Start => start;

    public Span<byte> Slice(long offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - count);
        return new(start + offset, count);
    }

    /// <summary>The tensor itself where its bytes are in one piece on the CPU; else a copy of it there, and the tensor is disposed.</summary>
    public static Tensor Localize(Tensor tensor)
    {
        if (IsLocal(tensor))
        {
            return tensor;
        }

        using var gradientsOff = no_grad();
        using (tensor)
        using (var near = tensor.cpu())
        {
            return near.contiguous().DetachFromDisposeScope();
        }
    }

    /// <summary>A tensor with arbitrary bytes, to be written to. It belongs to no dispose scope.</summary>
    public static Tensor Allocate(ScalarType type, ReadOnlySpan<long> shape) => empty(shape, type, CPU).DetachFromDisposeScope();

    /// <summary>The tensor's bytes are in one piece on the CPU.</summary>
    public static bool IsLocal(Tensor tensor) => tensor.device_type == DeviceType.CPU && tensor.is_contiguous();

    [LibraryImport("torch_cpu")]
    private static partial int aoti_torch_get_data_ptr(nint tensor, out byte* address);
}
