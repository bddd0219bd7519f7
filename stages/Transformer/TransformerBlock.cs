using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace Pipeline.Stages.Transformer;

/// <summary>A pre-norm block: x + attention(norm(x)), then x + feed-forward(norm(x)); (sequences, length, width) in and out.</summary>
internal sealed class TransformerBlock(Gpt2Settings settings, string name, IReadOnlyDictionary<string, torch.Tensor> parameters) : Layer
{
    private readonly (torch.Tensor Weight, torch.Tensor? Bias)
        norm1 = Pair(parameters, $"{name}.ln_1"),
        queryKeyValue = Pair(parameters, $"{name}.attn.c_attn"),
        attentionOut = Pair(parameters, $"{name}.attn.c_proj"),
        norm2 = Pair(parameters, $"{name}.ln_2"),
        up = Pair(parameters, $"{name}.mlp.c_fc"),
        down = Pair(parameters, $"{name}.mlp.c_proj");

    public override torch.Tensor Forward(torch.Tensor input, Pass pass)
    {
        var attention = Attention(Operator.LayerNorm(input, norm1.Weight, norm1.Bias), pass);
        var middle = Arithmetic.Add(input, pass.Dropout(attention, settings.Dropout, $"{name}.attn"));
        var hidden = pass.Linear(Operator.LayerNorm(middle, norm2.Weight, norm2.Bias), up.Weight, up.Bias);
        var feedForward = pass.Linear(functional.gelu(hidden, TorchSharp.Modules.GELU.Approximate.tanh), down.Weight, down.Bias);
        return Arithmetic.Add(middle, pass.Dropout(feedForward, settings.Dropout, $"{name}.mlp"));
    }

    private torch.Tensor Attention(torch.Tensor input, Pass pass)
    {
        var (sequences, length, heads, size) = (input.shape[0], input.shape[1], settings.Heads, settings.Width / settings.Heads);
        var parts = pass.Linear(input, queryKeyValue.Weight, queryKeyValue.Bias).split(settings.Width, 2);
        var (query, key, value) = (Heads(parts[0]), Heads(parts[1]), Heads(parts[2]));
        var mixed = pass.Training && settings.Dropout > 0
            ? ExplicitAttention(query, key, value, pass)
            : functional.scaled_dot_product_attention(query, key, value, is_casual: true);
        return pass.Linear(mixed.transpose(1, 2).reshape(sequences, length, settings.Width), attentionOut.Weight, attentionOut.Bias);

        torch.Tensor Heads(torch.Tensor part) => part.view(sequences, length, heads, size).transpose(1, 2);
    }

    /// <summary>softmax(Q K^T / sqrt(size)) V with dropout on the weights from our own generator, which the fused operator cannot take.</summary>
    private torch.Tensor ExplicitAttention(torch.Tensor query, torch.Tensor key, torch.Tensor value, Pass pass)
    {
        var length = query.shape[2];
        using var future = torch.ones(length, length, torch.ScalarType.Bool, query.device).triu(1);
        var scores = Arithmetic.Scale(query.matmul(key.transpose(2, 3)), 1 / Math.Sqrt(query.shape[3]));
        var weights = Arithmetic.Fill(scores, future, double.NegativeInfinity).softmax(-1);
        return pass.Dropout(weights, settings.Dropout, $"{name}.attn.weights").matmul(value);
    }

    private static (torch.Tensor, torch.Tensor?) Pair(IReadOnlyDictionary<string, torch.Tensor> parameters, string name) =>
        (parameters[$"{name}.weight"], parameters.GetValueOrDefault($"{name}.bias"));
}
