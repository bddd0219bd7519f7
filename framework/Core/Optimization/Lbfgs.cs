namespace Pipeline.Core.Optimization;

/// <summary>L-BFGS (Liu and Nocedal 1989) without a vector: the two-loop recursion on inner products alone (Chen, Wang and Zhou 2014, "Large-scale L-BFGS
/// using MapReduce"), with a strong-Wolfe line search. Stages hold the vectors' parts; they report products, and are told coefficients and lengths. A step
/// of the training is one evaluation of loss and gradient. The first trial of a direction is at the rate, and of the first direction, the steepest descent,
/// at min(1, 1 / sum |g|) of it, as in torch.optim.LBFGS.</summary>
public sealed class Lbfgs
{
    /// <summary>A pair counts when its curvature is at least this share of the change's square: else its inverse, which scales directions, would be huge.</summary>
    private const double LeastCurvature = 1e-10;

    private readonly int history;
    private readonly double rate;

    /// <param name="history">Pairs that stages remember.</param>
    /// <param name="state">Of the run that this one continues; null at a beginning.</param>
    public Lbfgs(int history, double rate, LbfgsState? state = null)
    {
        (this.history, this.rate) = (history, rate);
        State = state ?? LbfgsState.Beginning(history);
    }

    public LbfgsState State { get; private set; }

    /// <summary>Forgets all, for the parameters are to get another meaning or the run ends: the next step begins with the steepest descent.</summary>
    /// <param name="loss">Of the point where they are; not finite where loss or gradient are not.</param>
    /// <returns>Back to the best point that is known of the line; null where that is the one where they are.</returns>
    public LbfgsMove? Stop(double loss)
    {
        var search = State.Search;
        Reset();
        return search is not null && (search.Low ?? search.Previous) is var best && !(loss <= best.Loss) ? new(null, null, best.Length) : null;
    }

    /// <summary>Decides what follows a step.</summary>
    /// <param name="loss">Of the point where the parameters are; not finite where loss or gradient are not.</param>
    /// <returns>Null: there is nothing to be done but to skip the step.</returns>
    public LbfgsMove? Decide(double loss, LbfgsProducts products)
    {
        if (State.Search is not { } search)
        {
            return double.IsFinite(loss) ? Turn(loss, products, null) : null;
        }

        if (State.Returns && !double.IsFinite(loss))
        {
            Reset();
            return new(null, null, 0);
        }

        if (!State.Returns)
        {
            var (next, end) = search.Took(loss, products.GradientDirection);
            if (next is not null)
            {
                State = State with { Search = next };
                return new(null, null, next.Length);
            }

            if (end == 0)
            {
                Reset();   // back at the start, and from there the steepest descent
                return new(null, null, 0);
            }

            if (end != search.Length)
            {
                State = State with { Search = search with { Length = end }, Returns = true };
                return new(null, null, end);
            }
        }

        return Turn(loss, products, search.Length);
    }

    private void Reset() => State = LbfgsState.Beginning(history);

    /// <summary>Begins a new line where the parameters are.</summary>
    /// <param name="taken">How far the last one was gone along; null where there is none.</param>
    private LbfgsMove Turn(double loss, LbfgsProducts products, double? taken)
    {
        double[] steps = [.. Enumerable.Range(0, history).Select(products.StepGradient)];
        double[] changes = [.. Enumerable.Range(0, history).Select(products.ChangeGradientOf)];
        if (taken is { } length && length * products.ChangeDirection > LeastCurvature * products.ChangeChange)
        {
            Remember(products, length);
            steps = [.. steps[1..], length * products.GradientDirection];
            changes = [.. changes[1..], products.ChangeGradient];
        }
        else
        {
            taken = null;
        }

        var coefficients = Direction(steps, changes);
        var slope = coefficients[^1] * products.GradientGradient;
        for (var pair = history - State.Pairs; pair < history; pair++)
        {
            slope += (coefficients[pair] * steps[pair]) + (coefficients[history + pair] * changes[pair]);
        }

        if (!(slope < 0) || double.IsInfinity(slope))
        {
            State = State with { Pairs = 0 };
            coefficients = Direction(steps, changes);
            slope = -products.GradientGradient;
        }

        if (slope == 0)
        {
            Reset();   // at a stationary point there is nowhere to go
            return new(taken, new double[(2 * history) + 1], 0);
        }

        var first = State.Pairs == 0 ? Math.Min(1, 1 / products.GradientSum) * rate : rate;
        State = State with { Search = LineSearch.Begin(loss, slope, first), Returns = false };
        return new(taken, coefficients, first);
    }

    /// <summary>A pair has come, the step of this length along the direction and the change of the gradient, and the oldest is gone.</summary>
    private void Remember(LbfgsProducts products, double length)
    {
        var (crossed, changes) = (new double[history * history], new double[history * history]);
        var pairs = Math.Min(State.Pairs + 1, history);
        var (oldest, last) = (history - pairs, history - 1);
        for (var one = oldest; one < last; one++)
        {
            for (var other = oldest; other < last; other++)
            {
                crossed[At(one, other)] = State.StepsWithChanges[At(one + 1, other + 1)];
                changes[At(one, other)] = State.Changes[At(one + 1, other + 1)];
            }

            crossed[At(one, last)] = products.StepChange(one + 1);
            changes[At(one, last)] = changes[At(last, one)] = products.ChangeChangeOf(one + 1);
        }

        crossed[At(last, last)] = length * products.ChangeDirection;
        changes[At(last, last)] = products.ChangeChange;
        State = State with { Pairs = pairs, StepsWithChanges = crossed, Changes = changes };
    }

    /// <summary>The two-loop recursion (algorithm 7.4 of Nocedal and Wright 2006) on coefficients, negated: those of the pairs' steps, of their changes,
    /// and of the gradient.</summary>
    /// <param name="stepGradient">Of each pair's step with the gradient.</param>
    /// <param name="changeGradient">Of each pair's change with the gradient.</param>
    private double[] Direction(double[] stepGradient, double[] changeGradient)
    {
        var (ofSteps, ofChanges, ofGradient) = (new double[history], new double[history], 1.0);
        var along = new double[history];
        var oldest = history - State.Pairs;
        for (var pair = history - 1; pair >= oldest; pair--)
        {
            var product = stepGradient[pair];
            for (var other = pair + 1; other < history; other++)
            {
                product += ofChanges[other] * State.StepsWithChanges[At(pair, other)];
            }

            along[pair] = product / State.StepsWithChanges[At(pair, pair)];
            ofChanges[pair] = -along[pair];
        }

        if (State.Pairs > 0)
        {
            var newest = At(history - 1, history - 1);
            var scale = State.StepsWithChanges[newest] / State.Changes[newest];
            ofChanges = [.. ofChanges.Select(coefficient => coefficient * scale)];
            ofGradient = scale;
        }

        for (var pair = oldest; pair < history; pair++)
        {
            var product = ofGradient * changeGradient[pair];
            for (var other = oldest; other < history; other++)
            {
                product += (ofChanges[other] * State.Changes[At(pair, other)]) + (ofSteps[other] * State.StepsWithChanges[At(other, pair)]);   // 0 from pair on
            }

            ofSteps[pair] = along[pair] - (product / State.StepsWithChanges[At(pair, pair)]);
        }

        return [.. ofSteps.Concat(ofChanges).Append(ofGradient).Select(coefficient => -coefficient)];
    }

    private int At(int row, int column) => (row * history) + column;
}
