using System.Runtime.Intrinsics;

namespace Pipeline.Tensors.Operators;

/// <summary>The gradients' memory. What is a sum over sequences or channels comes in parts: <paramref name="a"/> as (sequences, channels, N),
/// <paramref name="b"/> and <paramref name="c"/> as (sequences, groups, length, N), <paramref name="d"/> as (sequences, channels).</summary>
internal readonly unsafe struct ScanGradients(float* input, float* timeStep, float* a, float* b, float* c, float* d, float* initialState)
{
    public readonly float* Input = input;
    public readonly float* TimeStep = timeStep;
    public readonly float* A = a;
    public readonly float* B = b;
    public readonly float* C = c;
    public readonly float* D = d;
    public readonly float* InitialState = initialState;
}

/// <summary>The backward of a selective scan: chunk by chunk from the end, the states of a chunk computed again from the one that was kept
/// before it.</summary>
/// <param name="kept">The forward's.</param>
/// <param name="outputGradient">(sequences, length, channels).</param>
/// <param name="stateGradient">(sequences, channels, N).</param>
internal sealed unsafe class ScanBackward(ScanMemory scan, float* kept, float* outputGradient, float* stateGradient, ScanGradients gradients)
{
    private const int Steps = ScanMemory.ChunkLength;
    private const float Ln2 = 0.693147181f;

    private readonly int states = scan.States;

    public static nuint ScratchBytes(ScanMemory scan) =>
        (nuint)(((((4 * Steps) + 1 + (3 * ScanMemory.GroupBlocks)) * scan.States) + ScanMemory.GroupBlocks) * sizeof(Vector512<float>));

    public void Run(int unit, nint scratch)
    {
        var (sequence, group) = (unit / scan.Groups, unit % scan.Groups);
        var first = group * ScanMemory.GroupBlocks;
        var blocks = Math.Min(ScanMemory.GroupBlocks, scan.Blocks - first);
        var work = new Scratch((Vector512<float>*)scratch, states);
        for (var block = 0; block < blocks; block++)
        {
            scan.LoadRates(work.Rates + (block * states), first + block);
            scan.LoadState(work.Carry + (block * states), stateGradient, sequence, first + block);
            new Span<Vector512<float>>(work.A + (block * states), states).Clear();
            work.D[block] = default;
        }

        for (var chunk = scan.Chunks - 1; chunk >= 0; chunk--)
        {
            var (start, end) = (chunk * Steps, Math.Min((chunk + 1) * Steps, scan.Length));
            new Span<Vector512<float>>(work.B, (end - start) * states).Clear();
            new Span<Vector512<float>>(work.C, (end - start) * states).Clear();
            for (var block = 0; block < blocks; block++)
            {
                Recompute(sequence, chunk, first + block, start, end, work.Of(block, states));
                Reverse(sequence, first + block, start, end, work.Of(block, states));
            }

            var row = ((((long)sequence * scan.Groups) + group) * scan.Length) + start;
            for (var i = 0; i < (end - start) * states; i++)
            {
                gradients.B[(row * states) + i] = ScanMemory.SumOfLanes(work.B[i]);
                gradients.C[(row * states) + i] = ScanMemory.SumOfLanes(work.C[i]);
            }
        }

        for (var block = 0; block < blocks; block++)
        {
            scan.StoreState(work.Carry + (block * states), gradients.InitialState, sequence, first + block);
            scan.StoreState(work.A + (block * states), gradients.A, sequence, first + block);
            var place = ((long)sequence * scan.Channels) + ((first + block) * ScanMemory.Lanes);
            ScanMemory.Store(work.D[block], gradients.D + place, scan.Width(first + block));
        }
    }

    /// <summary>The decay factors of a chunk's steps, and the states before each of them and after the last.</summary>
    private void Recompute(int sequence, int chunk, int block, int start, int end, Scratch work)
    {
        var width = scan.Width(block);
        var place = (((((long)sequence * scan.Chunks) + chunk) * scan.Blocks) + block) * states;
        var decay = work.Decay;
        var hidden = work.Hidden;
        new ReadOnlySpan<Vector512<float>>((Vector512<float>*)kept + place, states).CopyTo(new(hidden, states));
        for (var t = start; t < end; t++, decay += states, hidden += states)
        {
            var at = scan.Offset(sequence, t, block);
            var step = ScanMemory.Load(scan.TimeStep + at, width);
            var input = step * ScanMemory.Load(scan.Input + at, width);
            var b = scan.B + ((((long)sequence * scan.Length) + t) * states);
            if (scan.Resets(sequence, t))
            {
                for (var n = 0; n < states; n++)
                {
                    decay[n] = default;   // nothing goes forward, and so no gradient back
                    hidden[states + n] = input * Vector512.Create(b[n]);
                }
            }
            else
            {
                for (var n = 0; n < states; n++)
                {
                    var factor = Exponential.Exp2(step * work.Rates[n]);
                    decay[n] = factor;
                    hidden[states + n] = Vector512.FusedMultiplyAdd(factor, hidden[n], input * Vector512.Create(b[n]));
                }
            }
        }
    }

    /// <summary>With G the gradient of a state s(t) = f s(t-1) + step input b: that of b is step input G, of input step (G . b), of c the
    /// output's gradient times s(t), of step a is G f s(t-1), and of s(t-1) is f G.</summary>
    private void Reverse(int sequence, int block, int start, int end, Scratch work)
    {
        var (width, skip, d) = (scan.Width(block), scan.LoadSkip(block), *work.D);
        var rates = work.Rates;
        var carry = work.Carry;
        var a = work.A;
        for (var t = end - 1; t >= start; t--)
        {
            var at = scan.Offset(sequence, t, block);
            var (step, input) = (ScanMemory.Load(scan.TimeStep + at, width), ScanMemory.Load(scan.Input + at, width));
            var outer = ScanMemory.Load(outputGradient + at, width);
            var row = (((long)sequence * scan.Length) + t) * states;
            var b = scan.B + row;
            var c = scan.C + row;
            var scaled = step * input;
            var (toScaled, toStep) = (Vector512<float>.Zero, Vector512<float>.Zero);
            var place = (t - start) * states;
            var decay = work.Decay + place;
            var before = work.Hidden + place;
            var after = before + states;
            var toB = work.B + place;
            var toC = work.C + place;
            for (var n = 0; n < states; n++)
            {
                var gradient = Vector512.FusedMultiplyAdd(outer, Vector512.Create(c[n]), carry[n]);
                toC[n] = Vector512.FusedMultiplyAdd(outer, after[n], toC[n]);
                toB[n] = Vector512.FusedMultiplyAdd(scaled, gradient, toB[n]);
                toScaled = Vector512.FusedMultiplyAdd(gradient, Vector512.Create(b[n]), toScaled);
                var back = decay[n] * gradient;
                carry[n] = back;
                var exponent = back * before[n];
                a[n] = Vector512.FusedMultiplyAdd(exponent, step, a[n]);
                toStep = Vector512.FusedMultiplyAdd(exponent, rates[n], toStep);
            }

            d = Vector512.FusedMultiplyAdd(outer, input, d);
            ScanMemory.Store(Vector512.FusedMultiplyAdd(step, toScaled, skip * outer), gradients.Input + at, width);
            ScanMemory.Store(Vector512.FusedMultiplyAdd(input, toScaled, toStep * Vector512.Create(Ln2)), gradients.TimeStep + at, width);
        }

        *work.D = d;
    }

    /// <summary>A unit's own memory: for a chunk (steps, N) vectors, for each block N.</summary>
    private readonly struct Scratch
    {
        public readonly Vector512<float>* Decay;
        public readonly Vector512<float>* Hidden;
        public readonly Vector512<float>* B;
        public readonly Vector512<float>* C;
        public readonly Vector512<float>* Rates;
        public readonly Vector512<float>* Carry;
        public readonly Vector512<float>* A;
        public readonly Vector512<float>* D;

        public Scratch(Vector512<float>* memory, int states)
        {
            var (chunk, group) = (Steps * states, ScanMemory.GroupBlocks * states);
            Decay = memory;
            B = Decay + chunk;
            C = B + chunk;
            Hidden = C + chunk;
            Rates = Hidden + chunk + states;
            Carry = Rates + group;
            A = Carry + group;
            D = A + group;
        }

        private Scratch(Scratch whole, int block, int states)
        {
            Decay = whole.Decay;
            Hidden = whole.Hidden;
            B = whole.B;
            C = whole.C;
            Rates = whole.Rates + (block * states);
            Carry = whole.Carry + (block * states);
            A = whole.A + (block * states);
            D = whole.D + block;
        }

        public Scratch Of(int block, int states) => new(this, block, states);
    }
}
