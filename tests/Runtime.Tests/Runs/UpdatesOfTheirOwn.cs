using Pipeline.Core.Jobs;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>A GPT-2 some of whose parameters are not the optimizer's.</summary>
internal sealed class UpdatesOfTheirOwn(IReadOnlyDictionary<string, ParameterUpdate> updates) : IArchitecture
{
    private readonly Gpt2 inner = new();

    public string Name => inner.Name;

    public Type Settings => inner.Settings;

    /// <summary>The tied embedding and a matrix go by sign; others stand still.</summary>
    public static UpdatesOfTheirOwn Mixed { get; } = new(new Dictionary<string, ParameterUpdate>(StringComparer.Ordinal)
    {
        ["wte.weight"] = ParameterUpdate.SignDescent(1e-3, 0.1),
        ["wpe.weight"] = ParameterUpdate.Fixed,
        ["h.1.ln_1.weight"] = ParameterUpdate.Fixed,
        ["h.2.mlp.c_fc.weight"] = ParameterUpdate.SignDescent(1e-4),
        ["h.2.mlp.c_proj.weight"] = ParameterUpdate.Fixed,
    });

    /// <summary>The first layer has no gradient at all, and a tied parameter stands still.</summary>
    public static UpdatesOfTheirOwn FixedEnds { get; } = new(new Dictionary<string, ParameterUpdate>(StringComparer.Ordinal)
    {
        ["wte.weight"] = ParameterUpdate.Fixed,
        ["wpe.weight"] = ParameterUpdate.Fixed,
    });

    public static UpdatesOfTheirOwn Named(string name) => name == nameof(Mixed) ? Mixed : FixedEnds;

    public IReadOnlyDictionary<string, ParameterUpdate> Updates => updates;

    public ModelDefinition Define(ModelSettings settings, int vocabulary)
    {
        var model = inner.Define(settings, vocabulary);
        return model with
        {
            Layers = [.. model.Layers.Select(layer => layer with { Parameters = [.. layer.Parameters.Select(one => one with { Update = updates.GetValueOrDefault(one.Name) })] })],
        };
    }
}
