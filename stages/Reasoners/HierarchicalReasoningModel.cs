using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Stages.Reasoners;

/// <summary>HRM (Wang et al. 2025, arXiv:2506.21734); names and initial values as in sapientinc/HRM.</summary>
public sealed class HierarchicalReasoningModel : IArchitecture
{
    public string Name => "hrm";

    public Type Settings => typeof(HrmSettings);

    public ModelDefinition Define(ModelSettings settings, int vocabulary) => ((HrmSettings)settings).Unrolled(vocabulary).Define();
}
