using Pipeline.Runtime.Checkpoints;

namespace Pipeline.Runtime.Runs;

/// <summary>What a run needs to know for all its life of the checkpoint that it continues from. The checkpoint itself may be gone by the time that a process joins
/// the run: newer ones have taken its place.</summary>
/// <param name="Epoch">Its last.</param>
/// <param name="InstructionSet">As <see cref="Manifest.InstructionSet"/>.</param>
/// <param name="HuggingFace">Where the model comes from, if it was imported.</param>
public sealed record ResumedFrom(string Directory, long Step, long Epoch, string? InstructionSet, HuggingFaceOrigin? HuggingFace)
{
    public static ResumedFrom Of(Checkpoint checkpoint) => new(
        checkpoint.Directory, checkpoint.Manifest.Step, checkpoint.Manifest.Epoch, checkpoint.Manifest.InstructionSet, checkpoint.Manifest.HuggingFace);
}
