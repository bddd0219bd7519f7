using Pipeline.Tensors.Frames;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The selective scan over float32 memory. A vector holds sixteen neighbouring channels of one state number, so that memory is read in
/// order and no sum runs across lanes but those over channels. A unit of work is 64 channels of a sequence, whatever the number of threads;
/// sums over units are added up afterwards in a fixed order.</summary>
internal static unsafe class SelectiveScanKernel
{
    /// <summary>Arguments in the order of <see cref="SelectiveScan.Run"/>.</summary>
    /// <param name="keep">Keep what the backward needs.</param>
    /// <returns>The output and behind it the last state, in one dimension.</returns>
    public static (Tensor OutputAndState, Tensor? Kept) Forward(Tensor?[] tensors, int threads, bool keep)
    {
        var scan = new ScanMemory(tensors);
        var outputs = scan.Sequences * scan.Length * scan.Channels;
        var both = empty([outputs + (scan.Sequences * scan.Channels * scan.States)], ScalarType.Float32);
        var kept = keep ? empty([scan.Sequences, scan.Chunks, scan.Blocks, scan.States, ScanMemory.Lanes], ScalarType.Float32) : null;
        var forward = new ScanForward(scan, Address(both), Address(both) + outputs, Address(kept));
        WorkUnits.Run(scan.Units, threads, ScanForward.ScratchBytes(scan), forward.Run);
        GC.KeepAlive(tensors);
        return (both, kept);
    }

    /// <param name="tensors">Those of the forward.</param>
    /// <param name="kept">What it has kept.</param>
    /// <param name="gradient">Of output and state, as they are returned.</param>
    /// <returns>A gradient for each of <paramref name="tensors"/>; null where there is none.</returns>
    public static Tensor?[] Backward(Tensor?[] tensors, Tensor kept, Tensor gradient, int threads)
    {
        var scan = new ScanMemory(tensors);
        var (input, timeStep) = (empty_like(tensors[0]!), empty_like(tensors[0]!));
        var a = empty([1, scan.Sequences, scan.Channels, scan.States], ScalarType.Float32);
        var b = empty([scan.Sequences, scan.Groups, scan.Length, scan.States], ScalarType.Float32);
        var c = empty_like(b);
        var d = empty([1, scan.Sequences, scan.Channels], ScalarType.Float32);
        var initialState = empty([scan.Sequences, scan.Channels, scan.States], ScalarType.Float32);
        var backward = new ScanBackward(
            scan, Address(kept), Address(gradient), Address(gradient) + (scan.Sequences * scan.Length * scan.Channels),
            new(Address(input), Address(timeStep), Address(a), Address(b), Address(c), Address(d), Address(initialState)));
        WorkUnits.Run(scan.Units, threads, ScanBackward.ScratchBytes(scan), backward.Run);
        GC.KeepAlive((tensors, kept, gradient));
        return
        [
            input, timeStep, AddUp(a).squeeze(0), AddUp(b), AddUp(c),
            tensors[5] is null ? null : AddUp(d).squeeze(0), tensors[6] is null ? null : initialState, null,
        ];
    }

    internal static float* Address(Tensor? tensor) => tensor is null ? null : (float*)new TensorMemory(tensor).Start;

    /// <summary>Sums over the second dimension, in its order.</summary>
    private static Tensor AddUp(Tensor parts)
    {
        if (parts.shape[1] == 1)
        {
            return parts.squeeze(1);
        }

        var sum = empty([parts.shape[0], .. parts.shape[2..]], ScalarType.Float32);
        var (count, size) = (parts.shape[1], parts.shape[2..].Aggregate(1L, (product, length) => product * length));
        for (var outer = 0L; outer < parts.shape[0]; outer++)
        {
            var target = Address(sum) + (outer * size);
            var source = Address(parts) + (outer * count * size);
            for (var part = 0L; part < count; part++, source += size)
            {
                ScanMemory.Accumulate(target, source, size, first: part == 0);
            }
        }

        GC.KeepAlive(parts);
        return sum;
    }
}
