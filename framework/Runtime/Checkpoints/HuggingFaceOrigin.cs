namespace Pipeline.Runtime.Checkpoints;

/// <summary>What an imported model was in Hugging Face's files, so that an export can be like them. Later checkpoints of a run keep it.</summary>
/// <param name="Config">config.json, to the letter.</param>
/// <param name="Tensors">Those of the files that a parameter was read from, or is equal to.</param>
public sealed record HuggingFaceOrigin(string Config, IReadOnlyList<OriginTensor> Tensors);

/// <param name="Name">In Hugging Face's files.</param>
/// <param name="Type">Its element type: F32, BF16 or F16.</param>
/// <param name="Parameter">Our name.</param>
public sealed record OriginTensor(string Name, string Type, string Parameter);
