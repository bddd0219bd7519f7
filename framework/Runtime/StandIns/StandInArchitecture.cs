using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.StandIns;

/// <summary>A model of layers without parameters, of which only the number matters: its stages are <see cref="StandInExecutor"/>s.</summary>
internal sealed class StandInArchitecture : IArchitecture
{
    public string Name => "stand-in";

    public Type Settings => typeof(StandInSettings);

    public ModelDefinition Define(ModelSettings settings, int vocabulary) =>
        new([.. Enumerable.Range(0, settings.Layers + 2).Select(index => new LayerDefinition($"layer {index}", [], default, _ => new Identity()))], new Nothing());

    private sealed class Identity : Layer
    {
        public override Tensor Forward(Tensor input, Pass pass) => input;
    }

    private sealed class Nothing : Objective
    {
        public override Tensor Loss(Tensor output, Tensor targets, Pass pass) => output;
    }
}

internal sealed record StandInSettings(string Architecture, int Layers, int Width = 1, int Context = 1) : ModelSettings(Architecture, Layers, Width, Context);
