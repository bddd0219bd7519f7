using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Reasoners;

/// <summary>TRM (Jolicoeur-Martineau 2025, arXiv:2510.04871); names and initial values as in SamsungSAILMontreal/TinyRecursiveModels.</summary>
public sealed class TinyRecursiveModel : IArchitecture
{
    public string Name => "trm";

    public Type Settings => typeof(TrmSettings);

    public ModelDefinition Define(ModelSettings settings, int vocabulary) => ((TrmSettings)settings).Unrolled(vocabulary).Define();
}
