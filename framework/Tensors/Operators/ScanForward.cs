using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Pipeline.Tensors.Operators;

/// <summary>The forward of a selective scan.</summary>
/// <param name="output">(sequences, length, channels).</param>
/// <param name="state">(sequences, channels, N).</param>
/// <param name="kept">(sequences, chunks, blocks, N, lanes): the state before each chunk; or null.</param>
internal sealed unsafe class ScanForward(ScanMemory scan, float* output, float* state, float* kept)
{
    public static nuint ScratchBytes(ScanMemory scan) => (nuint)(2 * scan.States * sizeof(Vector512<float>));

    public void Run(int unit, nint scratch)
    {
        var (sequence, group) = (unit / scan.Groups, unit % scan.Groups);
        var first = group * ScanMemory.GroupBlocks;
        for (var block = first; block < Math.Min(first + ScanMemory.GroupBlocks, scan.Blocks); block++)
        {
            Run(sequence, block, (Vector512<float>*)scratch);
        }
    }

    private void Run(int sequence, int block, Vector512<float>* scratch)
    {
        var (states, width, skip) = (scan.States, scan.Width(block), scan.LoadSkip(block));
        var rates = scratch;
        var hidden = scratch + states;
        scan.LoadRates(rates, block);
        scan.LoadState(hidden, scan.InitialState, sequence, block);
        for (var t = 0; t < scan.Length; t++)
        {
            if (kept != null && t % ScanMemory.ChunkLength == 0)
            {
                var place = (((((long)sequence * scan.Chunks) + (t / ScanMemory.ChunkLength)) * scan.Blocks) + block) * states;
                new ReadOnlySpan<Vector512<float>>(hidden, states).CopyTo(new((Vector512<float>*)kept + place, states));
            }

            if (scan.Resets(sequence, t))
            {
                new Span<Vector512<float>>(hidden, states).Clear();
            }

            var at = scan.Offset(sequence, t, block);
            var (step, input) = (ScanMemory.Load(scan.TimeStep + at, width), ScanMemory.Load(scan.Input + at, width));
            var row = (((long)sequence * scan.Length) + t) * states;
            var sum = Step(rates, hidden, step, step * input, scan.B + row, scan.C + row, states, skip * input);
            ScanMemory.Store(sum, output + at, width);
        }

        scan.StoreState(hidden, state, sequence, block);
    }

    /// <summary>One step of all state numbers; returns the output, added to <paramref name="sum"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<float> Step(
        Vector512<float>* rates, Vector512<float>* hidden, Vector512<float> step, Vector512<float> input, float* b, float* c, int states, Vector512<float> sum)
    {
        for (var n = 0; n < states; n++)
        {
            var factor = Exponential.Exp2(step * rates[n]);
            var next = Vector512.FusedMultiplyAdd(factor, hidden[n], input * Vector512.Create(b[n]));
            hidden[n] = next;
            sum = Vector512.FusedMultiplyAdd(next, Vector512.Create(c[n]), sum);
        }

        return sum;
    }
}
