using Pipeline.Stages.Mamba3;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Mamba3;

/// <summary>The Mamba-3 mixer written down from its recurrence in float64: one sequence and one token after another, nothing shifted, weights and
/// states used as they are defined.</summary>
internal sealed class Recurrence(Mamba3MixerSettings settings, Func<string, Tensor> parameter)
{
    /// <param name="input">float64 (sequences, length, width).</param>
    /// <param name="before">float64; null: zeros.</param>
    /// <param name="starts">By sequence, the tokens that begin a document.</param>
    public (Tensor Output, Mamba3State After) Run(Tensor input, Mamba3State? before, long[][]? starts = null)
    {
        before ??= Zeros(input.shape[0]);
        var states = new[] { before.Angle.unbind(0), before.State.unbind(0), before.Key.unbind(0), before.Value.unbind(0) };
        var results = input.unbind(0).Select((tokens, index) =>
            Run(tokens, new(states[0][index], states[1][index], states[2][index], states[3][index]), starts?[index] ?? [])).ToArray();
        return (
            stack(results.Select(result => result.Output)),
            new(
                stack(results.Select(result => result.After.Angle)),
                stack(results.Select(result => result.After.State)),
                stack(results.Select(result => result.After.Key)),
                stack(results.Select(result => result.After.Value))));
    }

    private (Tensor Output, Mamba3State After) Run(Tensor tokens, Mamba3State before, long[] starts)
    {
        var (angle, state, lastKey, lastValue) = (before.Angle, before.State, before.Key, before.Value);
        var projected = tokens.matmul(parameter("in_proj.weight").t()).split([.. settings.ProjectionParts], -1).Select(part => part.unbind(0)).ToArray();
        var outputs = new List<Tensor>();
        for (var t = 0; t < tokens.shape[0]; t++)
        {
            if (starts.Contains(t))
            {
                (angle, state, lastKey, lastValue) = (zeros_like(angle), zeros_like(state), zeros_like(lastKey), zeros_like(lastValue));
            }

            var (gate, x) = (projected[0][t].view(settings.Heads, -1), projected[1][t].view(settings.Heads, -1));
            var dt = (projected[4][t] + parameter("dt_bias")).exp().log1p();
            var raw = projected[5][t];
            var a = -where(raw >= 0, 1 + raw, 1 / (1 - raw)).clamp(1e-4);
            var lambda = projected[6][t].sigmoid();
            angle = (angle + (projected[7][t].tanh() * Math.PI * dt.unsqueeze(-1))).remainder(2 * Math.PI);
            var key = Turned(Normed(projected[2][t], "B"), angle);
            var query = Turned(Normed(projected[3][t], "C"), angle);

            var alpha = (dt * a).exp();
            state = (Each(alpha) * state)
                + (Each((1 - lambda) * dt * alpha) * lastValue.unsqueeze(-1) * lastKey.unsqueeze(-2))
                + (Each(lambda * dt) * x.unsqueeze(-1) * key.unsqueeze(-2));
            var y = (state * query.unsqueeze(-2)).sum(-1) + (parameter("D").unsqueeze(-1) * x);
            if (settings.OutputNorm)
            {
                y = y / (y.square().mean([-1], true) + settings.NormEpsilon).sqrt() * parameter("norm.weight").view(settings.Heads, -1);
            }

            outputs.Add((y * gate * gate.sigmoid()).view(-1).matmul(parameter("out_proj.weight").t()));
            (lastKey, lastValue) = (key, x);
        }

        return (stack(outputs), new(angle, state, lastKey, lastValue));
    }

    private static Tensor Each(Tensor heads) => heads.unsqueeze(-1).unsqueeze(-1);

    private Tensor Normed(Tensor shared, string name)
    {
        var groups = shared.view(settings.Groups, settings.State);
        var normed = groups / (groups.square().mean([-1], true) + settings.NormEpsilon).sqrt() * parameter($"{name}_norm.weight");
        return normed.repeat_interleave(settings.Heads / settings.Groups, 0) + parameter($"{name}_bias");
    }

    private Tensor Turned(Tensor heads, Tensor angle)
    {
        var elements = heads.unbind(-1);
        var angles = angle.unbind(-1);
        for (var pair = 0; pair < settings.Pairs; pair++)
        {
            var (first, second, cosine, sine) = (elements[2 * pair], elements[(2 * pair) + 1], angles[pair].cos(), angles[pair].sin());
            (elements[2 * pair], elements[(2 * pair) + 1]) = ((first * cosine) - (second * sine), (first * sine) + (second * cosine));
        }

        return stack(elements, -1);
    }

    private Mamba3State Zeros(long sequences) => new(
        zeros([sequences, settings.Heads, settings.Pairs], ScalarType.Float64),
        zeros([sequences, settings.Heads, settings.HeadSize, settings.State], ScalarType.Float64),
        zeros([sequences, settings.Heads, settings.State], ScalarType.Float64),
        zeros([sequences, settings.Heads, settings.HeadSize], ScalarType.Float64));
}
