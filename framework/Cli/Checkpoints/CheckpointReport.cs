using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Cli.Checkpoints;

/// <summary>A checkpoint as <c>--json</c> prints it.</summary>
/// <param name="State">whole, incomplete, damaged, newer (format), superseded or partial.</param>
/// <param name="Reason">Why it is not whole; null where it is.</param>
/// <param name="Parameters">Tensors that are the model's parameters.</param>
/// <param name="Shards">The files with tensors.</param>
internal sealed record CheckpointReport(
    string Name, long? Step, string State, string? Reason, DateTimeOffset Written, long Bytes, int Tensors, int Parameters, IReadOnlyList<string> Shards)
{
    public static CheckpointReport Of(CheckpointEntry entry) => new(
        entry.Name, entry.Step, Word(entry.State), entry.Reason, entry.Written, entry.Bytes, entry.Tensors, entry.Parameters, entry.Shards);

    public static string Word(CheckpointState state) => state switch
    {
        CheckpointState.Newer => "newer format",
        _ => state.ToString().ToLowerInvariant(),
    };
}
