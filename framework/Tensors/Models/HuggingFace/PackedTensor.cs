using static TorchSharp.torch;

namespace Pipeline.Tensors.Models.HuggingFace;

/// <summary>A matrix as a part of a tensor (matrices, rows, columns), as Transformers 5 keeps the weights of all experts.</summary>
/// <param name="Name">Of the whole tensor.</param>
/// <param name="Index">Of the matrix in the first dimension.</param>
/// <param name="Part">Which of the equal parts of its rows, from 0.</param>
/// <param name="Parts">Of its rows.</param>
public sealed record PackedTensor(string Name, int Index, int Part = 0, int Parts = 1)
{
    /// <summary>Whether a tensor of the shape <paramref name="whole"/> can have a matrix of this shape there.</summary>
    public bool Holds(IReadOnlyList<long> whole, IReadOnlyList<long> matrix) =>
        whole is [var count, var rows, var columns] && Index < count && matrix.Count == 2 && rows == Parts * matrix[0] && columns == matrix[1];

    /// <returns>A view.</returns>
    public Tensor From(Tensor whole)
    {
        var rows = whole.shape[1] / Parts;
        return whole.select(0, Index).narrow(0, Part * rows, rows);
    }
}
