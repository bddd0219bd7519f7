using System.Buffers.Binary;
using System.IO.Hashing;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.TensorPlane;

/// <summary>The shapes of a message's tensors: for each its element type and number of dimensions (a byte each), then the dimensions (eight
/// bytes each); a checksum follows them.</summary>
internal static class TensorTable
{
    private const int ChecksumBytes = sizeof(ulong);

    public const int MostBytes = (PlaneLimits.Tensors * (2 + (PlaneLimits.Dimensions * sizeof(long)))) + ChecksumBytes;

    /// <summary>What a header may say about a table.</summary>
    public static bool CanBe(int tensors, int bytes) => tensors <= PlaneLimits.Tensors
        && bytes >= (2 * tensors) + ChecksumBytes
        && bytes <= (tensors * (2 + (PlaneLimits.Dimensions * sizeof(long)))) + ChecksumBytes;

    /// <returns>Bytes written.</returns>
    /// <exception cref="ArgumentException">More tensors, dimensions or other types than a frame can have.</exception>
    public static int Write(Span<byte> to, IReadOnlyList<Tensor> tensors)
    {
        if (tensors.Count > PlaneLimits.Tensors)
        {
            throw new ArgumentException($"A frame has at most {PlaneLimits.Tensors} tensors, not {tensors.Count}.", nameof(tensors));
        }

        var at = 0;
        foreach (var tensor in tensors)
        {
            var shape = tensor.shape;
            if (shape.Length > PlaneLimits.Dimensions)
            {
                throw new ArgumentException($"A frame's tensors have at most {PlaneLimits.Dimensions} dimensions, not {shape.Length}.", nameof(tensors));
            }

            to[at++] = WireType.Code(tensor.dtype);
            to[at++] = (byte)shape.Length;
            foreach (var dimension in shape)
            {
                BinaryPrimitives.WriteInt64LittleEndian(to[at..], dimension);
                at += sizeof(long);
            }
        }

        BinaryPrimitives.WriteUInt64LittleEndian(to[at..], XxHash3.HashToUInt64(to[..at]));
        return at + ChecksumBytes;
    }

    /// <param name="payloadBytes">What the shapes must come to.</param>
    /// <exception cref="RefusedException">A table that cannot be.</exception>
    public static TensorShape[] Read(ReadOnlySpan<byte> from, int tensors, long payloadBytes)
    {
        var end = from.Length - ChecksumBytes;
        if (BinaryPrimitives.ReadUInt64LittleEndian(from[end..]) != XxHash3.HashToUInt64(from[..end]))
        {
            throw new RefusedException(Refusal.Header, "the shapes of a message's tensors arrived damaged");
        }

        var (shapes, at, total) = (new TensorShape[tensors], 0, 0L);
        for (var i = 0; i < tensors; i++)
        {
            if (end - at < 2 || !WireType.IsKnown(from[at]) || from[at + 1] > PlaneLimits.Dimensions || end - at - 2 < from[at + 1] * sizeof(long))
            {
                throw new RefusedException(Refusal.Header, "a message with tensors of an unknown type or too many dimensions arrived");
            }

            shapes[i] = new(from[at], new long[from[at + 1]]);
            at += 2;
            for (var d = 0; d < shapes[i].Dimensions.Length; d++, at += sizeof(long))
            {
                shapes[i].Dimensions[d] = BinaryPrimitives.ReadInt64LittleEndian(from[at..]);
            }

            total += Bytes(shapes[i], payloadBytes - total);
        }

        return at == end && total == payloadBytes
            ? shapes
            : throw new RefusedException(Refusal.Size, $"a message of {payloadBytes} bytes arrived whose tensors have {total}");
    }

    /// <param name="most">What is left for it.</param>
    private static long Bytes(TensorShape shape, long most)
    {
        // A dimension of 0 hides no other that libtorch could not multiply.
        var (bytes, isEmpty) = ((Int128)WireType.Size(shape.Type), shape.Dimensions.Contains(0));
        foreach (var dimension in shape.Dimensions)
        {
            bytes *= Math.Max(dimension, 1);
            if (dimension < 0 || bytes > (isEmpty ? long.MaxValue : most))
            {
                throw new RefusedException(Refusal.Size, $"a message with a tensor of impossible shape ({string.Join(", ", shape.Dimensions)}) arrived");
            }
        }

        return isEmpty ? 0 : bytes <= most ? (long)bytes : throw new RefusedException(Refusal.Size, "a message with more tensors than bytes arrived");
    }
}
