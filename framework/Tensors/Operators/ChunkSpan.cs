using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Consecutive chunks of one size that are computed together, and the layouts that their matrix products want. In the layout of the
/// tokens an array is (sequences, chunks, size, groups, heads of a group, ...).</summary>
internal sealed record ChunkSpan(ScanShape Shape, long Start, long Chunks, long Size)
{
    public long Tokens => Chunks * Size;

    /// <summary>A view of (sequences, length, heads, head size) in the layout of the tokens.</summary>
    public Tensor Inputs(Tensor whole) => Part(whole).view(Shape.Sequences, Chunks, Size, Shape.Groups, Shape.HeadsPerGroup, Shape.HeadSize);

    /// <summary>A view of (sequences, length, heads) in the layout of the tokens.</summary>
    public Tensor Weights(Tensor whole) => Part(whole).view(Shape.Sequences, Chunks, Size, Shape.Groups, Shape.HeadsPerGroup);

    /// <summary>(sequences, length, groups, state) to float32 matrices (size, state), one for each sequence, chunk and group.</summary>
    public Tensor Shared(Tensor whole) => Part(whole)
        .view(Shape.Sequences, Chunks, Size, Shape.Groups, Shape.StateSize)
        .permute(0, 1, 3, 2, 4)
        .reshape(-1, Size, Shape.StateSize)
        .to(ScalarType.Float32);

    /// <summary>The way back from <see cref="Shared"/>.</summary>
    public void SetShared(Tensor whole, Tensor matrices) => Part(whole)
        .view(Shape.Sequences, Chunks, Size, Shape.Groups, Shape.StateSize)
        .copy_(matrices.view(Shape.Sequences, Chunks, Shape.Groups, Size, Shape.StateSize).permute(0, 1, 3, 2, 4));

    /// <summary>Matrices (size, head size), one for each sequence, chunk and head.</summary>
    public Tensor ByHead(Tensor tokens) => tokens.permute(0, 1, 3, 4, 2, 5).reshape(-1, Size, Shape.HeadSize);

    /// <summary>The way back from <see cref="ByHead"/>.</summary>
    public Tensor FromHeads(Tensor matrices) =>
        matrices.view(Shape.Sequences, Chunks, Shape.Groups, Shape.HeadsPerGroup, Size, Shape.HeadSize).permute(0, 1, 4, 2, 3, 5);

    /// <summary>Matrices (size, heads of a group times head size), one for each sequence, chunk and group.</summary>
    public Tensor ByGroup(Tensor tokens) => tokens.permute(0, 1, 3, 2, 4, 5).reshape(-1, Size, Shape.HeadsPerGroup * Shape.HeadSize);

    /// <summary>The way back from <see cref="ByGroup"/>.</summary>
    public Tensor FromGroups(Tensor matrices) =>
        matrices.view(Shape.Sequences, Chunks, Shape.Groups, Size, Shape.HeadsPerGroup, Shape.HeadSize).permute(0, 1, 3, 2, 4, 5);

    /// <summary>States (sequences, chunks, groups, heads of a group, head size, state) as matrices (heads of a group times head size, state),
    /// one for each sequence, chunk and group.</summary>
    public Tensor StateMatrices(Tensor states) => states.reshape(-1, Shape.HeadsPerGroup * Shape.HeadSize, Shape.StateSize);

    /// <summary>The way back from <see cref="StateMatrices"/>.</summary>
    public Tensor States(Tensor matrices) =>
        matrices.view(Shape.Sequences, Chunks, Shape.Groups, Shape.HeadsPerGroup, Shape.HeadSize, Shape.StateSize);

    /// <summary>An array of a chunk's token pairs, (.., size, size), with the groups and their heads apart.</summary>
    public Tensor PairsOfHeads(Tensor pairs) => pairs.view(Shape.Sequences, Chunks, Shape.Groups, Shape.HeadsPerGroup, Size, Size);

    /// <summary>An array of a chunk's token pairs, (.., size, size), one for each group.</summary>
    public Tensor PairsOfGroups(Tensor pairs) => pairs.view(Shape.Sequences, Chunks, Shape.Groups, 1, Size, Size);

    private Tensor Part(Tensor whole) => whole.narrow(1, Start, Tokens);
}
