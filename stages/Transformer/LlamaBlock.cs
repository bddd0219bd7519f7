using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using static TorchSharp.torch;

namespace Pipeline.Stages.Transformer;

/// <summary>A pre-norm block: x + attention(norm(x)), then x + feed-forward(norm(x)); (sequences, length, width) in and out.</summary>
internal sealed class LlamaBlock(LlamaSettings settings, string name, IReadOnlyDictionary<string, Tensor> parameters) : Layer
{
    private readonly Tensor
        inputNorm = parameters[$"{name}.input_layernorm.weight"],
        middleNorm = parameters[$"{name}.post_attention_layernorm.weight"];

    private readonly SelfAttention attention = new(settings.Attention, $"{name}.self_attn", parameters);
    private readonly SwiGlu feedForward = new($"{name}.mlp", parameters);

    public override Tensor Forward(Tensor input, Pass pass)
    {
        var middle = Arithmetic.Add(input, attention.Forward(Operator.RmsNorm(input, inputNorm, settings.NormEpsilon), pass));
        return Arithmetic.Add(middle, feedForward.Forward(Operator.RmsNorm(middle, middleNorm, settings.NormEpsilon), pass));
    }
}
