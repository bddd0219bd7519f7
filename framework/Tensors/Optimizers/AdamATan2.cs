using Pipeline.Core.Jobs;
using Pipeline.Tensors.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Optimizers;

/// <summary>Adam with atan2 in place of the division, which needs no epsilon and does not depend on the gradient's scale (Everett et al. 2024,
/// arXiv:2407.05872), in the form that HRM and TRM train with: after the decoupled weight decay
/// <c>value -= rate / (1 - b1^t) atan2(m, sqrt(v / (1 - b2^t)))</c>, where m is not corrected inside. So the first step is atan(1 - b1) / (1 - b1)
/// of the rate, .99669 with b1 = .9. Their training decays all parameters (one group, pretrain.py); here, as with AdamW, vectors keep their scale unless
/// their definition says otherwise.</summary>
/// <param name="pieces">The optimizer's from here on.</param>
public sealed class AdamATan2(IReadOnlyList<ParameterPiece> pieces, OptimizerSettings settings) : Optimizer(pieces, settings)
{
    /// <summary>Elements that are updated at once on a CPU: they stay in the cache from operator to operator, and libtorch does not divide so few among
    /// its threads. Divided elsewhere, an element could be one of the last of a part, which libtorch computes with other instructions: pieces would not
    /// get the bits of the whole.</summary>
    private const long Block = 1 << 14;

    protected override void Apply(Group group, Tensor[] gradients, long step, double learningRate, double gradientScale)
    {
        var (b1, b2) = (Settings.Betas[0], Settings.Betas[1]);
        var (correction1, correction2) = (1 - Math.Pow(b1, step), 1 - Math.Pow(b2, step));
        for (var i = 0; i < gradients.Length; i++)
        {
            Tensor[] whole = [group.Values[i].detach(), gradients[i], group.First[i], group.Second[i]];
            whole = [.. whole.Select(tensor => tensor.view(-1))];
            var elements = whole[0].numel();
            var block = whole[0].device_type == DeviceType.CPU ? Block : elements;
            for (var start = 0L; start < elements; start += block)
            {
                using var scope = NewDisposeScope();
                Tensor[] part = [.. whole.Select(tensor => tensor.narrow(0, start, Math.Min(block, elements - start)))];
                Tensor[] exact = part[0].dtype == ScalarType.BFloat16 ? [.. part.Select(tensor => tensor.to(ScalarType.Float32))] : part;
                var (value, gradient, first, second) = (exact[0], exact[1], exact[2], exact[3]);
                gradient = gradientScale == 1 ? gradient : Arithmetic.Scale(gradient, gradientScale);
                Arithmetic.ScaleInPlace(value, 1 - (learningRate * group.Decay));
                Arithmetic.AddScaledTo(Arithmetic.ScaleInPlace(first, b1), gradient, 1 - b1);
                Arithmetic.AddScaledTo(Arithmetic.ScaleInPlace(second, b2), gradient.square(), 1 - b2);
                var root = Arithmetic.Scale(second, 1 / correction2).sqrt_();
                Arithmetic.AddScaledTo(value, first.atan2(root), -learningRate / correction1);
                if (!ReferenceEquals(exact, part))
                {
                    part[0].copy_(value);
                    part[2].copy_(first);
                    part[3].copy_(second);
                }
            }
        }
    }
}
