using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Mamba3;

/// <summary>What the scan takes of each token.</summary>
/// <param name="X">float32 (sequences, length, heads, head size).</param>
/// <param name="TimeStep">dt, positive: float32 (sequences, length, heads).</param>
/// <param name="A">Negative, likewise.</param>
/// <param name="Own">lambda, from 0 to 1: how much of a step's input is its own token's; the rest is the token's before it. Likewise.</param>
/// <param name="B">Not yet turned: float32 (sequences, length, heads, state).</param>
/// <param name="C">Likewise.</param>
/// <param name="Rates">Of the angles, radians a unit of time: float32 (sequences, length, pairs).</param>
internal sealed record TrapezoidalInput(Tensor X, Tensor TimeStep, Tensor A, Tensor Own, Tensor B, Tensor C, Tensor Rates);

/// <summary>The recurrence of Mamba-3 with one input and one output a head (Lahoti et al. 2026, arXiv:2603.15569, sections 3.1 and 3.2; reference
/// implementation: state-spaces/mamba, <c>mamba3_siso_step_ref</c>): with b and c turned by <see cref="RotaryAngles"/>,
/// <c>S[t] = exp(dt[t] a[t]) (S[t-1] + (1 - own[t]) dt[t] x[t-1] b[t-1]^T) + own[t] dt[t] x[t] b[t]^T</c> and <c>y[t] = S[t] c[t] + d x[t]</c>.
/// </summary>
/// <remarks>It is a state-space dual with shifted weights: to every later token, token t counts <c>own[t] dt[t] + (1 - own[t+1]) dt[t+1]</c>. In
/// y[t] the second part, token t+1's doing, is not there yet. So the dual is read one token ahead, which leaves out the token that reads, and that
/// is added with its own part: the reference takes the second part off again instead, which loses digits where time steps differ much. What the
/// last token would give to the next one is added to the state when that comes.</remarks>
internal static class TrapezoidalScan
{
    /// <param name="d">(heads).</param>
    /// <param name="chunk">Of <see cref="StateSpaceDual"/>.</param>
    /// <param name="before">What the tokens before the first have left; nothing without it.</param>
    /// <param name="starts">bool (sequences, length): nothing before a true position reaches it or what follows it.</param>
    /// <returns>y, float32 in x's shape, and what is left for the next call; both differentiable, also in <paramref name="before"/>.</returns>
    public static (Tensor Output, Mamba3State After) Run(TrapezoidalInput input, Tensor d, int chunk, Mamba3State? before, Tensor? starts)
    {
        var (x, b, c) = (input.X, input.B, input.C);
        var length = x.shape[1];
        var angles = RotaryAngles.Sum(input.Rates, input.TimeStep, before?.Angle, starts);
        var narrow = angles.to(ScalarType.Float32);
        var (cosine, sine) = (narrow.cos(), narrow.sin());
        var (key, query) = (RotaryAngles.Turn(b, cosine, sine), RotaryAngles.Turn(c, cosine, sine));

        var own = input.Own * input.TimeStep;
        var previous = Arithmetic.Subtract(input.TimeStep, own);   // what the token before counts at each
        // Nothing follows the last token yet, in the weights as in what reads it. What a document's first token gives the one before it is only
        // read behind the border, where nothing of it is left.
        var weight = Arithmetic.Add(own, Ahead(previous));
        var exponents = input.TimeStep.to(ScalarType.Float64) * input.A.to(ScalarType.Float64);
        var entering = before is null ? null : Arithmetic.AddProduct(
            before.State, before.Value.unsqueeze(-1) * before.Key.unsqueeze(-2), First(previous).unsqueeze(-1).unsqueeze(-1));
        var (read, after) = StateSpaceDual.RunWeighted(x, weight, exponents, key, Ahead(query), d: null, chunk, entering, starts);
        var first = entering is null ? zeros_like(First(x)) : (entering * First(query).unsqueeze(-2)).sum([-1]);
        var earlier = cat([first.unsqueeze(1), read.narrow(1, 0, length - 1)], 1);

        var decay = exponents.exp().to(ScalarType.Float32);
        if (starts is not null)
        {
            decay = Arithmetic.Fill(decay, starts.unsqueeze(-1), 0);
        }

        // b and c of one token turn alike, which changes no product.
        var itself = Arithmetic.Add(own * (b * c).sum([-1]), d.to(ScalarType.Float32));
        var output = Arithmetic.AddProduct(earlier * decay.unsqueeze(-1), x, itself.unsqueeze(-1));
        return (output, new(Last(angles), after, Last(key), Last(x)));

        Tensor Ahead(Tensor tokens) => cat([tokens.narrow(1, 1, length - 1), zeros_like(tokens.narrow(1, 0, 1))], 1);

        Tensor First(Tensor tokens) => tokens.narrow(1, 0, 1).squeeze(1);

        Tensor Last(Tensor tokens) => tokens.narrow(1, length - 1, 1).squeeze(1);
    }
}
