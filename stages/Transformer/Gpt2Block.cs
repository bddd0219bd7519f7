using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Transformer;

/// <summary>A pre-norm block: x + attention(norm(x)), then x + feed-forward(norm(x)); (sequences, length, width) in and out.</summary>
internal sealed class Gpt2Block(Gpt2Settings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : Layer
{
    private readonly (torch.Tensor Weight, torch.Tensor? Bias)
        norm1 = Norm($"{name}.ln_1", parameters),
        norm2 = Norm($"{name}.ln_2", parameters);

    private readonly Projection
        queryKeyValue = new($"{name}.attn.c_attn", parameters),
        attentionOut = new($"{name}.attn.c_proj", parameters),
        up = new($"{name}.mlp.c_fc", parameters),
        down = new($"{name}.mlp.c_proj", parameters);

    public override torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var attention = SelfAttention(Operator.LayerNorm(input, norm1.Weight, norm1.Bias), pass);
        var middle = Arithmetic.Add(input, pass.Dropout(attention, settings.Dropout, $"{name}.attn"));
        var hidden = up.Forward(Operator.LayerNorm(middle, norm2.Weight, norm2.Bias), pass);
        var feedForward = down.Forward(functional.gelu(hidden, TorchSharp.Modules.GELU.Approximate.tanh), pass);
        return Arithmetic.Add(middle, pass.Dropout(feedForward, settings.Dropout, $"{name}.mlp"));
    }

    private torch.Tensor SelfAttention(torch.Tensor input, Pass pass)
    {
        var parts = queryKeyValue.Forward(input, pass).split(settings.Width, 2);
        var mixed = Attention.Causal(Heads(parts[0]), Heads(parts[1]), Heads(parts[2]), $"{name}.attn", pass, settings.Dropout);
        return attentionOut.Forward(mixed, pass);

        torch.Tensor Heads(torch.Tensor part) => part.view(input.shape[0], input.shape[1], settings.Heads, settings.Width / settings.Heads);
    }

    private static (torch.Tensor, torch.Tensor?) Norm(string name, IReadOnlyDictionary<string, torch.Tensor> parameters) =>
        (parameters[$"{name}.weight"], parameters.GetValueOrDefault($"{name}.bias"));
}
