using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Runtime.TensorPlane;

namespace Pipeline.Runtime.Cluster;

/// <param name="Port">0 for any free one.</param>
/// <param name="Streams">Pairs of connections of one link under TLS.</param>
/// <param name="MaximumFrame">A longer frame is refused before memory is taken for it.</param>
public sealed record TensorPlaneSettings(
    [Limits(0, ushort.MaxValue)] int Port = 0,
    [Limits(1, PlaneLimits.Streams)] int Streams = 4,
    string MaximumFrame = "1GiB") : ICheckedSettings
{
    public long MaximumFrameBytes => ByteSize.Parse(MaximumFrame) ?? 0;

    public string? Problem() => MaximumFrameBytes > 0
        ? null
        : $"pipeline.tensor-plane.maximum-frame must be {ByteSize.Description}, not {QuotedText.Of(QuotedText.Shorten(MaximumFrame))}";
}
