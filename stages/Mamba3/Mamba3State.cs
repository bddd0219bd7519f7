using TorchSharp;

namespace Pipeline.Stages.Mamba3;

/// <summary>What the tokens so far have left for the next ones.</summary>
/// <param name="Angle">How far the last document's tokens have turned each pair, from 0 to 2 pi: float64 (sequences, heads, pairs).</param>
/// <param name="State">Of the scan, float32 (sequences, heads, head size, state).</param>
/// <param name="Key">The last token's b, turned: float32 (sequences, heads, state).</param>
/// <param name="Value">The last token's x: float32 (sequences, heads, head size).</param>
internal sealed record Mamba3State(torch.Tensor Angle, torch.Tensor State, torch.Tensor Key, torch.Tensor Value);
