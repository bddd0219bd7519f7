using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>A tensor's bytes in C order, in pieces: TorchSharp's spans end at 2 GiB, and a copy between devices needs a
/// buffer that should not be as large as the tensor.</summary>
internal static class TensorBytes
{
    private const long PieceBytes = 64 << 20;

    public delegate void Reader(Span<byte> piece);

    public delegate void Writer(ReadOnlySpan<byte> piece);

    /// <summary>Fills a contiguous tensor, on any device, piece after piece.</summary>
    public static void Fill(Tensor tensor, Reader next) => ForEachPiece(tensor, piece =>
    {
        if (piece.device_type == DeviceType.CPU)
        {
            next(piece.bytes);
            return;
        }

        using var buffer = empty_like(piece, device: CPU);
        next(buffer.bytes);
        piece.copy_(buffer);
    });

    /// <summary>Hands out the bytes of any tensor, on any device.</summary>
    public static void Read(Tensor tensor, Writer next) => ForEachPiece(tensor, piece =>
    {
        using var local = piece.cpu();
        next(local.bytes);
    });

    private static void ForEachPiece(Tensor tensor, Action<Tensor> action)
    {
        using var gradientsOff = no_grad();
        using var scope = NewDisposeScope();
        var flat = tensor.detach().contiguous().view(-1);
        var length = PieceBytes / tensor.ElementSize;
        for (var start = 0L; start < flat.numel(); start += length)
        {
            using var piece = flat.narrow(0, start, Math.Min(length, flat.numel() - start));
            action(piece);
        }
    }
}
