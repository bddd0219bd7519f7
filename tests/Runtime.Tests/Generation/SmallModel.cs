using Pipeline.Core.Jobs;
using Pipeline.Core.Partitioning;
using Pipeline.Runtime.Generation;
using Pipeline.Stages;
using Pipeline.Stages.Hybrid;
using Pipeline.Stages.Hyperdimensional;
using Pipeline.Stages.Jamba;
using Pipeline.Stages.Kan;
using Pipeline.Stages.Mamba;
using Pipeline.Stages.Mamba2;
using Pipeline.Stages.Mamba3;
using Pipeline.Stages.Reasoners;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Generation;

/// <summary>Untrained models of every family, small enough for tests.</summary>
internal static class SmallModel
{
    public const int Rows = 31;

    /// <summary>By <c>model.architecture</c>: four layers or more, so that four stages have some each. A family that is not here fails its tests.</summary>
    private static readonly Dictionary<string, ModelSettings> Settings = new(StringComparer.Ordinal)
    {
        ["gpt2"] = new Gpt2Settings("gpt2", Layers: 4, Width: 32, Heads: 4, Context: 24),
        ["llama"] = new LlamaSettings("llama", Layers: 4, Width: 32, Heads: 4, Context: 24, KeyValueHeads: 2, Inner: 48),
        ["mamba"] = new MambaSettings("mamba", Layers: 4, Width: 32, Context: 24, State: 32, Convolution: 6),
        ["mamba2"] = new Mamba2Settings("mamba2", Layers: 4, Width: 32, Context: 24, State: 16, HeadSize: 16, Chunk: 8),
        ["mamba3"] = new Mamba3Settings("mamba3", Layers: 4, Width: 32, Context: 24, State: 16, HeadSize: 16, Chunk: 8),
        ["jamba"] = new JambaSettings(
            "jamba", Layers: 4, Width: 32, Heads: 4, Context: 24, KeyValueHeads: 2, Inner: 48, AttentionPeriod: 2, AttentionOffset: 1, Experts: 4, State: 8),
        ["hybrid"] = new HybridSettings(
            "hybrid", "Mm*-EK", Width: 32, Context: 24, Heads: 4, KeyValueHeads: 2, Inner: 48, State: 8, MambaHeadSize: 16, Chunk: 8, Experts: 4),
        ["hyperdimensional"] = new HyperdimensionalSettings("hyperdimensional", Layers: 4, Width: 32, Context: 24, Window: 16, Encoding: "bind"),
        ["hrm"] = new HrmSettings("hrm", Width: 32, Heads: 4, Context: 16, HighLayers: 1, LowLayers: 1, HaltMaxPasses: 3),
        ["trm"] = new TrmSettings("trm", Width: 32, Context: 16, Heads: 4, NetLayers: 1, HighCycles: 2, LowCycles: 2, PuzzleLength: 2, HaltMaxPasses: 3),
        ["kan"] = new KanSettings("kan", Widths: [2, 5, 4, 3, 1], GridUpdateEvery: 2, GridUpdateUntil: 4, Refine: [10], RefineEvery: 5),
    };

    private static readonly IArchitecture[] Writers = [.. Families.All.Where(family => family.Define(SettingsOf(family.Name), Rows).IsCausal)];

    public static TheoryData<string> AllNames => [.. Families.All.Select(family => family.Name)];

    /// <summary>Those that write texts.</summary>
    public static TheoryData<string> FamilyNames => [.. Writers.Select(family => family.Name)];

    /// <summary>Each family that writes texts with each number of stages.</summary>
    public static TheoryData<string, int> FamiliesAndStages => new(
        from family in Writers
        from stages in new[] { 1, 3 }
        select (family.Name, stages));

    public static ModelSettings SettingsOf(string family) => Settings.TryGetValue(family, out var settings)
        ? settings
        : throw new InvalidOperationException($"The family {family} needs small settings in {nameof(SmallModel)}, so that what every family promises is tested of it too.");

    /// <summary>What a job needs for data that the model fits; nothing where text will do.</summary>
    public static string[] DataOf(ModelSettings model) => model switch
    {
        KanSettings kan =>
            [$"data={{kind=function,inputs={kan.Widths[0]},formula=[\"{string.Join("\",\"", Enumerable.Range(1, kan.Widths[^1]).Select(output => $"sin({output}*x1)+x2^2"))}\"]}}", "precision={parameters=float64,compute=float64}"],
        HrmSettings or TrmSettings or HybridSettings { Causal: false } => ["data={kind=sudoku,size=4}"],
        _ => [],
    };

    public static ModelDefinition Define(string family) => Families.All.Single(one => one.Name == family).Define(SettingsOf(family), Rows);

    public static GenerationPlan Plan(string family = "gpt2", int stages = 1) => Plan(Define(family), stages);

    public static GenerationPlan Plan(ModelDefinition model, int stages) => new(
        model,
        LayerSplit.Even(model.Layers.Count, stages),
        [.. Enumerable.Repeat(CPU, stages)],
        new PrecisionSettings(),
        1,
        new TokenVocabulary(Rows, null),
        values => Fill(model, values));

    /// <summary>The model with something around the layer of this index.</summary>
    public static ModelDefinition Around(this ModelDefinition model, int index, Action<Pass> before) => model with
    {
        Layers = [.. model.Layers.Select((layer, i) => i != index ? layer : layer with { Build = values => new Watched(layer.Build(values), before) })],
    };

    /// <summary>Logits (length, rows) of a sequence, from all layers at once and without a cache.</summary>
    public static float[][] FullForward(ModelDefinition model, IReadOnlyList<long> tokens)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var values = model.Parameters.ToDictionary(parameter => parameter.Name, parameter => empty([.. parameter.Shape]), StringComparer.Ordinal);
        Fill(model, values);
        var pass = new Pass(0, 0, 0, Training: false, ScalarType.Float32);
        var output = model.Layers.Aggregate(tensor([.. tokens], [1L, tokens.Count]), (value, layer) => layer.Build(values).Forward(value, pass));
        using var elements = output.contiguous().data<float>();
        return [.. elements.ToArray().Chunk(Rows)];
    }

    public static long Greedy(float[] logits) => Array.IndexOf(logits, logits.Max());

    private static void Fill(ModelDefinition model, IReadOnlyDictionary<string, Tensor> values)
    {
        using var noGradient = no_grad();
        foreach (var definition in model.Parameters.Where(definition => values.ContainsKey(definition.Name)))
        {
            using var parameter = new Parameter(definition, 5, ScalarType.Float32, CPU);
            values[definition.Name].copy_(parameter.Value);
        }
    }

    private sealed class Watched(Layer inner, Action<Pass> before) : Layer
    {
        public override Tensor Forward(Tensor input, Pass pass)
        {
            before(pass);
            return inner.Forward(input, pass);
        }
    }
}
