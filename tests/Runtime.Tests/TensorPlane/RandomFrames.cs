using System.Diagnostics;
using CsCheck;
using Pipeline.Runtime.TensorPlane;
using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.TensorPlane;

/// <summary>Frames of any types, shapes and bytes.</summary>
internal static class RandomFrames
{
    private static readonly Gen<(int Type, int[] Shape, bool IsTransposed, int Seed)> Tensors = Gen.Select(
        Gen.Int[0, 9], Gen.OneOf(Gen.Int[0, 5].Array[0, 8], Gen.Int[0, 300].Array[0, 2]), Gen.Bool, Gen.Int);

    public static Gen<(FrameKind Kind, long Step, int Stage, int Index, (int Type, int[] Shape, bool IsTransposed, int Seed)[] Tensors)> Any { get; } =
        Gen.Select(Gen.Int[0, 6].Select(kind => (FrameKind)kind), Gen.Long[0, long.MaxValue], Gen.Int[0, int.MaxValue], Gen.Int[0, int.MaxValue], Tensors.Array[0, 5]);

    public static Frame Make((FrameKind Kind, long Step, int Stage, int Index, (int Type, int[] Shape, bool IsTransposed, int Seed)[] Tensors) from) =>
        new(3, new(from.Step, from.Kind, from.Stage, from.Index), [.. from.Tensors.Select(Make)], Stopwatch.GetTimestamp());

    /// <summary>One tensor of this many bytes.</summary>
    public static Frame OfBytes(int bytes, int index = 0, int seed = 1) => new(
        3, new(1, FrameKind.Activation, 1, index), [Make((1, [bytes], false, seed))], Stopwatch.GetTimestamp());

    public static Tensor Make((int Type, int[] Shape, bool IsTransposed, int Seed) from)
    {
        var tensor = TensorMemory.Allocate(WireType.Type(from.Type), [.. from.Shape.Select(d => (long)d)]);
        var (memory, random) = (new TensorMemory(tensor), new Random(from.Seed));
        if (memory.Length > 0)
        {
            var bytes = memory.Slice(0, (int)memory.Length);
            random.NextBytes(bytes);
            for (var i = 0; i < bytes.Length && from.Type == 0; i++)
            {
                bytes[i] &= 1;   // a bool
            }
        }

        if (!from.IsTransposed || from.Shape.Length < 2)
        {
            return tensor;
        }

        using (tensor)
        {
            return tensor.transpose(0, -1).DetachFromDisposeScope();
        }
    }

    public static byte[] Bytes(Tensor tensor)
    {
        using var whole = tensor.contiguous();
        var memory = new TensorMemory(whole);
        return memory.Length == 0 ? [] : memory.Slice(0, (int)memory.Length).ToArray();
    }
}
