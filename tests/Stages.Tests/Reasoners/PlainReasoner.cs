using Pipeline.Core.Jobs;
using Pipeline.Stages.Reasoners;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

/// <summary>HRM and TRM as the papers' pseudocode has them: loops over two states, and no layers.</summary>
internal sealed class PlainReasoner
{
    private readonly IReadOnlyDictionary<string, Tensor> p;
    private readonly (int Width, int Cells, int Puzzle, int? Heads, string Positions, int High, int Low, int HighLayers, int LowLayers, bool MlpT, int Most, bool Stable) s;
    private readonly bool isHrm;

    public PlainReasoner(ModelSettings settings, IReadOnlyDictionary<string, Tensor> values)
    {
        p = values.ToDictionary(entry => entry.Key, entry => entry.Value.detach().clone().requires_grad_(true), StringComparer.Ordinal);
        isHrm = settings is HrmSettings;
        s = settings switch
        {
            HrmSettings h => (h.Width, h.Context, h.PuzzleLength, h.Heads, h.Positions, h.HighCycles, h.LowCycles, h.HighLayers, h.LowLayers, false, h.HaltMaxPasses, h.Loss == "stablemax"),
            TrmSettings t => (t.Width, t.Context, t.PuzzleLength, t.Heads, t.Positions, t.HighCycles, t.LowCycles, t.NetLayers, t.NetLayers, t.MlpT, t.HaltMaxPasses, t.Loss == "stablemax"),
            _ => throw new ArgumentException("no reasoner", nameof(settings)),
        };
    }

    public IReadOnlyDictionary<string, Tensor> Parameters => p;

    /// <param name="state">(sequences, 2, length, width).</param>
    /// <param name="passes">Of each sequence before this one.</param>
    /// <returns>The summed loss, the logits, and the state after.</returns>
    public (Tensor Loss, Tensor Logits, Tensor State) Step(Tensor input, Tensor targets, Tensor state, long[] passes)
    {
        var x = Embed(input);
        var (high, low) = (new List<Tensor>(), new List<Tensor>());
        for (var sequence = 0; sequence < passes.Length; sequence++)
        {
            var isNew = passes[sequence] == 0;
            high.Add(isNew ? p["H_init"].detach().expand(x.shape[1], -1) : state[sequence, 0]);
            low.Add(isNew ? p["L_init"].detach().expand(x.shape[1], -1) : state[sequence, 1]);
        }

        var (zH, zL) = Think(stack(high), stack(low), x);
        var (logits, q) = (zH[.., s.Puzzle..].matmul(p["lm_head.weight"].t()), Choose(zH));
        Tensor? next = null;
        if (isHrm && s.Most > 1)
        {
            using var noGradient = no_grad();
            next = Choose(Think(zH.detach(), zL.detach(), x.detach()).High);
        }

        var loss = zeros([], logits.dtype);
        for (var sequence = 0; sequence < passes.Length; sequence++)
        {
            var cells = Enumerable.Range(0, s.Cells).Where(cell => targets[sequence, cell].item<long>() != -100).ToArray();
            var losses = cells.Select(cell => CrossEntropy(logits[sequence, cell], targets[sequence, cell].item<long>())).ToArray();
            loss += losses.Length == 0 ? 0 : stack(losses).mean();
            var right = cells.All(cell => logits[sequence, cell].argmax().item<long>() == targets[sequence, cell].item<long>()) ? 1.0 : 0;
            loss += 0.5 * Binary(q[sequence, 0], right);
            if (next is not null)
            {
                var (halt, goOn) = (next[sequence, 0].item<double>(), next[sequence, 1].item<double>());
                loss += 0.5 * Binary(q[sequence, 1], 1 / (1 + Math.Exp(-(passes[sequence] + 1 >= s.Most ? halt : Math.Max(halt, goOn)))));
            }
        }

        return (loss, logits, stack([zH, zL], 1).detach());
    }

    private (Tensor High, Tensor Low) Think(Tensor zH, Tensor zL, Tensor x)
    {
        for (var cycle = 0; cycle < s.High; cycle++)
        {
            var last = cycle == s.High - 1;
            for (var call = 0; call < s.Low; call++)
            {
                var low = zL;
                zL = Maybe(last && (!isHrm || call == s.Low - 1), () => Net("L_level", s.LowLayers, low + (zH + x)));
            }

            var high = zH;
            zH = Maybe(last, () => Net(isHrm ? "H_level" : "L_level", s.HighLayers, high + zL));
        }

        return (zH, zL);
    }

    private static Tensor Maybe(bool learns, Func<Tensor> call)
    {
        if (learns)
        {
            return call();
        }

        using var noGradient = no_grad();
        return call();
    }

    private Tensor Embed(Tensor input)
    {
        var x = p["embed_tokens.embedding_weight"][input.flatten()].view(input.shape[0], s.Cells, s.Width);
        if (s.Puzzle > 0)
        {
            var puzzle = cat([p["puzzle_emb.weights"], zeros([s.Puzzle - 1, s.Width], x.dtype)], 0);
            x = stack([.. x.unbind(0).Select(one => cat([puzzle, one], 0))]);
        }

        return Math.Sqrt(s.Width) * (s.Positions == "learned" ? Math.Sqrt(0.5) * (x + p["embed_pos.embedding_weight"]) : x);
    }

    private Tensor Choose(Tensor zH) => zH[.., 0].matmul(p["q_head.weight"].t()) + p["q_head.bias"];

    private Tensor Net(string name, int layers, Tensor h)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            var block = $"{name}.layers.{layer}";
            h = s.MlpT
                ? Norm(h.transpose(1, 2) + SwiGlu($"{block}.mlp_t", h.transpose(1, 2))).transpose(1, 2)
                : Norm(h + Attend($"{block}.self_attn", h));
            h = Norm(h + SwiGlu($"{block}.mlp", h));
        }

        return h;
    }

    private static Tensor Norm(Tensor h) => h / (h.square().mean([-1], keepdim: true) + 1e-5).sqrt();

    private Tensor SwiGlu(string name, Tensor h)
    {
        var inner = p[$"{name}.down_proj.weight"].shape[1];
        var both = h.matmul(p[$"{name}.gate_up_proj.weight"].t());
        return (both[.., .., ..(int)inner] * both[.., .., ..(int)inner].sigmoid() * both[.., .., (int)inner..]).matmul(p[$"{name}.down_proj.weight"].t());
    }

    private Tensor Attend(string name, Tensor h)
    {
        var (size, heads) = (s.Width / s.Heads!.Value, new List<Tensor>());
        for (var head = 0; head < s.Heads; head++)
        {
            var (q, k, v) = (Part(0), Part(1), Part(2));
            heads.Add((q.matmul(k.transpose(1, 2)) / Math.Sqrt(size)).softmax(-1).matmul(v));

            Tensor Part(int which)
            {
                var from = (which * s.Width) + (head * size);
                var part = h.matmul(p[$"{name}.qkv_proj.weight"][from..(from + size)].t());
                return which < 2 && s.Positions == "rotary" ? Turn(part, size) : part;
            }
        }

        return cat(heads, -1).matmul(p[$"{name}.o_proj.weight"].t());
    }

    /// <summary>Element i and i + size/2 are a complex number, which turns by position * 10000^(-2i/size).</summary>
    private static Tensor Turn(Tensor part, int size)
    {
        var angles = arange(part.shape[1], part.dtype).unsqueeze(1) * pow(10_000.0, arange(0, size, 2, part.dtype) / -size);
        var (one, other) = (part[.., .., ..(size / 2)], part[.., .., (size / 2)..]);
        return cat([(one * angles.cos()) - (other * angles.sin()), (other * angles.cos()) + (one * angles.sin())], -1);
    }

    private Tensor CrossEntropy(Tensor logits, long label)
    {
        var weights = s.Stable ? where(logits < 0, 1 / (1 - logits.minimum(zeros_like(logits))), logits + 1) : logits.exp();
        return -(weights[label] / weights.sum()).log();
    }

    private static Tensor Binary(Tensor logit, double target) => -((target * logit.sigmoid().log()) + ((1 - target) * (-logit).sigmoid().log()));
}
