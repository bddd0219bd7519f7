using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>What a stage keeps of one micro-batch from its forward to its weight gradients.</summary>
/// <param name="pass">Of the micro-batch's forward; its tensors live as long as this.</param>
/// <param name="weights">Of the stage.</param>
internal sealed class MicroBatchGraph(Pass pass, ConstantWeights weights) : IDisposable
{
    private readonly WeightGradients weightGradients = new(weights);
    private readonly Stack<(Segment Segment, Tensor Input, Tensor? Root)> parts = new();

    /// <summary>The type and shape of the output, and so of its gradient.</summary>
    public (ScalarType Type, long[] Shape) Output { get; private set; }

    /// <summary>The large weights to whose gradients <see cref="WeightGradient"/> will add, one entry a use.</summary>
    public IEnumerable<Tensor> Weights => weightGradients.Weights;

    /// <summary>Runs a stage's segments.</summary>
    /// <param name="input">In the caller's scope, without history.</param>
    /// <returns>In the caller's scope, without history.</returns>
    public Tensor Forward(IReadOnlyList<Segment> segments, Tensor input)
    {
        var output = segments.Aggregate(input, Run);
        Output = (output.dtype, output.shape);
        return output;
    }

    /// <summary>The backward without the large weights' gradients.</summary>
    /// <param name="gradient">Of the last segment's output, as <see cref="Output"/> says.</param>
    /// <returns>The gradient of the first segment's input; null where that is not differentiable, as token ids are not.</returns>
    /// <exception cref="InvalidOperationException">The backward of an operator has failed.</exception>
    public Tensor? InputGradient(Tensor gradient)
    {
        var next = gradient;
        while (parts.TryPop(out var part))
        {
            using var input = part.Input;
            using var root = part.Root ?? part.Segment.Run(Leaf(input), Recording);
            if (root.requires_grad)   // not where neither the input nor a parameter has a gradient
            {
                autograd.backward(root, next);
                BackwardFailure.ThrowIfAny();
            }

            next = input.grad;
        }

        return next;
    }

    /// <summary>Adds to the gradients of the large weights.</summary>
    /// <param name="added">Told of each use when it is done.</param>
    public void WeightGradient(Action<Tensor>? added = null) => weightGradients.Compute(added);

    public void Dispose()
    {
        weightGradients.Dispose();
        pass.DocumentStarts?.Dispose();
        foreach (var (_, input, root) in parts)
        {
            input.Dispose();
            root?.Dispose();
        }

        parts.Clear();
    }

    private Pass Recording => pass with { WeightGradients = weightGradients };

    private Tensor Run(Tensor input, Segment segment)
    {
        if (segment.Recompute)
        {
            using var noGradient = no_grad();
            parts.Push((segment, input.detach().DetachFromDisposeScope(), null));
            return segment.Run(input, Recording);
        }

        var leaf = Leaf(input.detach());
        var output = segment.Run(leaf, Recording);
        parts.Push((segment, leaf.DetachFromDisposeScope(), RootOf(output).DetachFromDisposeScope()));
        return output.detach();
    }

    /// <summary>Where the backward of <paramref name="output"/> starts, without its bytes: the graph knows the shape, and the receiver alone
    /// decides how long the values live. The clone is what makes it safe where the last operator has saved its output for the backward.</summary>
    private static Tensor RootOf(Tensor output)
    {
        var root = output.clone();
        using var noGradient = no_grad();
        root.set_(zeros([], output.dtype, output.device).expand(output.shape));
        return root;
    }

    private static Tensor Leaf(Tensor input) => input.is_floating_point() ? input.requires_grad_(true) : input;
}
