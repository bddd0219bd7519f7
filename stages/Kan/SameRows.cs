using System.Globalization;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Kan;

/// <summary>The same given numbers in every row.</summary>
internal sealed record SameRows(IReadOnlyList<double> Row) : Initialization
{
    public override void Fill(Tensor values, Generator generator) => values.copy_(tensor([.. Row], ScalarType.Float64));

    /// <summary>With the numbers, so that two are told apart.</summary>
    public override string ToString() => $"{nameof(SameRows)} {{ {string.Join(", ", Row.Select(number => number.ToString("R", CultureInfo.InvariantCulture)))} }}";
}
