using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>The sizes and the memory of a selective scan's arguments. Whoever holds this keeps the tensors alive.</summary>
internal readonly unsafe struct ScanMemory
{
    /// <summary>Channels of a vector.</summary>
    public const int Lanes = 16;

    /// <summary>Steps between two states that are kept for the backward.</summary>
    public const int ChunkLength = 64;

    /// <summary>Vectors of channels that a unit of work takes one after the other; their sums over channels are one.</summary>
    public const int GroupBlocks = 4;

    private const float Log2E = 1.44269504f;

    public readonly int Sequences;
    public readonly int Length;
    public readonly int Channels;
    public readonly int States;
    public readonly float* Input;
    public readonly float* TimeStep;
    public readonly float* A;
    public readonly float* B;
    public readonly float* C;
    public readonly float* D;
    public readonly float* InitialState;
    public readonly byte* Starts;

    public ScanMemory(Tensor?[] tensors)
    {
        var shape = tensors[0]!.shape;
        (Sequences, Length, Channels, States) = ((int)shape[0], (int)shape[1], (int)shape[2], (int)tensors[2]!.shape[1]);
        Input = SelectiveScanKernel.Address(tensors[0]);
        TimeStep = SelectiveScanKernel.Address(tensors[1]);
        A = SelectiveScanKernel.Address(tensors[2]);
        B = SelectiveScanKernel.Address(tensors[3]);
        C = SelectiveScanKernel.Address(tensors[4]);
        D = SelectiveScanKernel.Address(tensors[5]);
        InitialState = SelectiveScanKernel.Address(tensors[6]);
        Starts = (byte*)SelectiveScanKernel.Address(tensors[7]);
    }

    public int Chunks => (Length + ChunkLength - 1) / ChunkLength;

    public int Blocks => (Channels + Lanes - 1) / Lanes;

    public int Groups => (Blocks + GroupBlocks - 1) / GroupBlocks;

    public int Units => Sequences * Groups;

    /// <summary>The channels of a block, fewer than <see cref="Lanes"/> in the last.</summary>
    public int Width(int block) => Math.Min(Lanes, Channels - (block * Lanes));

    /// <summary>The first element of a step's block in (sequences, length, channels).</summary>
    public long Offset(int sequence, int step, int block) => ((((long)sequence * Length) + step) * Channels) + (block * Lanes);

    public bool Resets(int sequence, int step) => Starts != null && Starts[((long)sequence * Length) + step] != 0;

    /// <summary>A block's <c>a log2(e)</c>, a vector for each state number: exp(timeStep a) = 2^(timeStep a log2(e)).</summary>
    public void LoadRates(Vector512<float>* rates, int block)
    {
        Transpose(rates, A + ((long)block * Lanes * States), Width(block));
        for (var n = 0; n < States; n++)
        {
            rates[n] *= Vector512.Create(Log2E);
        }
    }

    /// <summary>A block's states of (sequences, channels, N), a vector for each state number; zeros from null.</summary>
    public void LoadState(Vector512<float>* vectors, float* state, int sequence, int block)
    {
        if (state == null)
        {
            new Span<Vector512<float>>(vectors, States).Clear();
        }
        else
        {
            Transpose(vectors, state + StateOffset(sequence, block), Width(block));
        }
    }

    public void StoreState(Vector512<float>* vectors, float* state, int sequence, int block)
    {
        var width = Width(block);
        var target = state + StateOffset(sequence, block);
        for (var lane = 0; lane < width; lane++)
        {
            for (var n = 0; n < States; n++)
            {
                *target++ = ((float*)(vectors + n))[lane];
            }
        }
    }

    public Vector512<float> LoadSkip(int block) => D == null ? default : Load(D + (block * Lanes), Width(block));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source, int width)
    {
        if (width == Lanes)
        {
            return Vector512.Load(source);
        }

        var vector = Vector512<float>.Zero;
        new ReadOnlySpan<float>(source, width).CopyTo(new Span<float>(&vector, Lanes));
        return vector;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> vector, float* target, int width)
    {
        if (width == Lanes)
        {
            vector.Store(target);
        }
        else
        {
            new ReadOnlySpan<float>(&vector, width).CopyTo(new Span<float>(target, width));
        }
    }

    /// <summary>The sum of the lanes, always in this order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfLanes(Vector512<float> vector)
    {
        var eight = vector.GetLower() + vector.GetUpper();
        var four = eight.GetLower() + eight.GetUpper();
        return (four[0] + four[2]) + (four[1] + four[3]);
    }

    /// <summary>target += source, or target = source the first time.</summary>
    public static void Accumulate(float* target, float* source, long size, bool first)
    {
        for (var i = 0L; i < size; i += Lanes)
        {
            var width = (int)Math.Min(Lanes, size - i);
            var sum = first ? Load(source + i, width) : Load(target + i, width) + Load(source + i, width);
            Store(sum, target + i, width);
        }
    }

    private long StateOffset(int sequence, int block) => (((long)sequence * Channels) + (block * Lanes)) * States;

    private void Transpose(Vector512<float>* vectors, float* rows, int width)
    {
        for (var n = 0; n < States; n++)
        {
            vectors[n] = default;
            for (var lane = 0; lane < width; lane++)
            {
                ((float*)(vectors + n))[lane] = rows[((long)lane * States) + n];
            }
        }
    }
}
