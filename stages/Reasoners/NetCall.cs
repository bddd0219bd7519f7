using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

internal enum NetCallKind
{
    /// <summary>Part of the graph.</summary>
    WithGradient,

    /// <summary>The states are numbers without history.</summary>
    WithoutGradient,

    /// <summary>In training alone and without gradient, on copies of the states: what the next pass would do.</summary>
    Ahead,
}

/// <summary>One call of a network in the unrolled recursion, from stream to stream: the low state becomes net(low, high + puzzle), or the high
/// state net(high, low). The look-ahead has states of its own behind the puzzle: (sequences, 5, length, width).</summary>
internal sealed class NetCall(ReasoningNet net, bool isHigh, NetCallKind kind) : Layer
{
    /// <summary>Where the parts are in a stream.</summary>
    public const int High = 0, Low = 1, Puzzle = 2, AheadHigh = 3, AheadLow = 4;

    /// <summary>How many parts a stream has, with or without a look-ahead.</summary>
    public const int Parts = 3, PartsAhead = 5;

    public override Tensor Forward(Tensor input, Pass pass)
    {
        if (kind == NetCallKind.Ahead && !pass.Training)
        {
            return input;
        }

        var parts = input.unbind(1);
        switch (kind)
        {
            case NetCallKind.WithGradient:
                return Stream(parts, Next(parts[High], parts[Low], parts[Puzzle], pass), High);
            case NetCallKind.WithoutGradient:
                (parts[High], parts[Low]) = (parts[High].detach(), parts[Low].detach());
                return Stream(parts, NextWithoutGradient(parts[High], parts[Low], parts[Puzzle], pass), High);
            default:
                parts = parts.Length == PartsAhead ? parts : [.. parts, parts[High].detach(), parts[Low].detach()];
                return Stream(parts, NextWithoutGradient(parts[AheadHigh], parts[AheadLow], parts[Puzzle], pass), AheadHigh);
        }
    }

    private Tensor Next(Tensor high, Tensor low, Tensor puzzle, Pass pass) =>
        isHigh ? net.Forward(high, low, pass) : net.Forward(low, Arithmetic.Add(high, puzzle), pass);

    private Tensor NextWithoutGradient(Tensor high, Tensor low, Tensor puzzle, Pass pass)
    {
        using var scope = NewDisposeScope();   // what a call needs meanwhile is not needed again
        using var noGradient = no_grad();
        return Next(high, low, puzzle, pass).MoveToOuterDisposeScope();
    }

    /// <param name="first">The place of the high state that the next one may replace; the low one follows it.</param>
    private Tensor Stream(Tensor[] parts, Tensor next, int first)
    {
        parts[first + (isHigh ? 0 : 1)] = next;
        return stack(parts, 1);
    }
}
