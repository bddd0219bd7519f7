using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models.HuggingFace;

namespace Pipeline.Tensors.Models;

/// <summary>A family of models: what <c>model.architecture</c> names. A user's own program registers its own.</summary>
public interface IArchitecture
{
    /// <summary>The word in the job file.</summary>
    string Name { get; }

    /// <summary>The record derived from <see cref="ModelSettings"/> that the <c>model</c> section is bound to.</summary>
    Type Settings { get; }

    /// <param name="settings">An instance of <see cref="Settings"/>.</param>
    /// <param name="vocabulary">Number of distinct tokens.</param>
    ModelDefinition Define(ModelSettings settings, int vocabulary);

    /// <summary>Its models can write a text token by token: no token's prediction depends on later ones.</summary>
    bool Generates => true;

    /// <summary>How its models lie in Hugging Face's files; null where there is no such model.</summary>
    IHuggingFaceFormat? HuggingFace => null;
}
