using System.Text.Json.Nodes;
using Pipeline.Core.Jobs;

namespace Pipeline.Tensors.Models.HuggingFace;

/// <summary>How a family's models lie in Hugging Face's files: config.json and safetensors.</summary>
public interface IHuggingFaceFormat
{
    /// <summary>config.json's <c>model_type</c>.</summary>
    string ModelType { get; }

    /// <summary>The settings that a config.json means. Where it says something else than the tensors' shapes, the shapes are right.</summary>
    /// <param name="shapes">Of the file's tensors, by name.</param>
    /// <exception cref="Core.BadInputException">A key is missing, or has a value that this family does not have here.</exception>
    ModelSettings Read(HuggingFaceConfig config, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes);

    /// <summary>The keys of config.json that say these settings.</summary>
    JsonObject Write(ModelSettings settings, int vocabulary);

    /// <summary>Why the loss of Hugging Face's model is not the one that is printed here, as the second half of a sentence; null where it is.</summary>
    string? OtherLoss(HuggingFaceConfig config) => null;

    /// <summary>Where a parameter lies.</summary>
    /// <param name="parameter">Our name.</param>
    HuggingFaceTensor Locate(string parameter);
}

/// <param name="Name">As Hugging Face writes it.</param>
/// <param name="Aliases">Other names that files have it under.</param>
/// <param name="Transposed">The file has the matrix (in, out), as GPT-2's Conv1D does.</param>
public sealed record HuggingFaceTensor(string Name, bool Transposed = false, params IReadOnlyList<string> Aliases)
{
    /// <summary>The larger tensor that Transformers keeps it in while the model runs, so that gradients have that one's name; files of weights
    /// have them apart. Null where there is none.</summary>
    public PackedTensor? Packed { get; init; }
}
