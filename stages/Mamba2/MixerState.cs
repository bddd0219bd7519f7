using TorchSharp;

namespace Pipeline.Stages.Mamba2;

/// <summary>What the tokens so far have left for the next ones.</summary>
/// <param name="Taps">The convolution's last inputs, (sequences, taps - 1, channels).</param>
/// <param name="State">Of the scan, float32 (sequences, heads, head size, state).</param>
internal sealed record MixerState(torch.Tensor Taps, torch.Tensor State);
