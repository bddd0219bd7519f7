using System.Globalization;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>What an optimizer updates at once: a parameter, or a range of its elements in C order.</summary>
public sealed class ParameterPiece : IDisposable
{
    private readonly long start;
    private readonly long end;
    private readonly Tensor? view;

    /// <param name="end">The first element behind the piece.</param>
    public ParameterPiece(Parameter parameter, long start, long end)
    {
        (Parameter, this.start, this.end) = (parameter, start, end);
        if (start > 0 || end < parameter.Definition.Elements)
        {
            using var scope = NewDisposeScope();
            view = parameter.Value.detach().view(-1).narrow(0, start, end - start).DetachFromDisposeScope();
        }
    }

    public Parameter Parameter { get; }

    public static IReadOnlyList<ParameterPiece> Whole(IEnumerable<Parameter> parameters) =>
        [.. parameters.Select(parameter => new ParameterPiece(parameter, 0, parameter.Definition.Elements))];

    /// <summary>The parameter's name; of a range it ends in <c>[start:end]</c>.</summary>
    public string Name => view is null ? Parameter.Name : string.Create(CultureInfo.InvariantCulture, $"{Parameter.Name}[{start}:{end}]");

    /// <summary>The parameter itself, or a flat view of the range.</summary>
    public Tensor Value => view ?? Parameter.Value;

    /// <summary>What the optimizer takes for the gradient instead of the parameter's own; null for that. Any shape.</summary>
    public Tensor? Sum { get; set; }

    /// <summary>As <see cref="Value"/> in shape; in the caller's scope. Null before the first backward.</summary>
    public Tensor? Gradient
    {
        get
        {
            if (Sum is { } sum)
            {
                return sum.view(Value.shape);
            }

            return view is null ? Parameter.Gradient : Parameter.Gradient?.reshape(-1).narrow(0, start, end - start);
        }
    }

    public void Dispose() => view?.Dispose();
}
