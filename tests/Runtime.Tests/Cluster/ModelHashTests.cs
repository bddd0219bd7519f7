using Pipeline.Runtime.Cluster;
using Pipeline.Stages.Kan;
using Pipeline.Stages.LanguageModels;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Tests.Cluster;

public class ModelHashTests
{
    private static readonly ModelDefinition Model = Define(Settings);

    private static KanSettings Settings => new("kan", [2, 3, 1], Grid: 3, Refine: [6, 12], RefineEvery: 10);

    public static TheoryData<string> Changes => [.. Changed.Keys];

    private static Dictionary<string, ModelDefinition> Changed => new()
    {
        ["objective"] = Model with { Objective = new TokenPrediction() },
        ["no adaptation"] = Model with { Adaptation = null },
        ["adaptation"] = Model with { Adaptation = Model.Adaptation! with { Until = 51 } },
        ["carry"] = Model with { Carry = new([2, 3], 4) },
        ["carry's shape"] = Model with { Carry = new([3, 2], 4) },
        ["carry's passes"] = Model with { Carry = new([2, 3], 5) },
        ["no growth"] = Model with { Growth = null },
        ["growth's step"] = Model with { Growth = (11, Model.Growth!.Value.Model) },
        ["growth's parameters"] = Model with { Growth = (10, Define(Settings with { Refine = [9, 18] }).Growth!.Value.Model) },
        ["later growth's parameters"] = Define(Settings with { Refine = [6, 18] }),
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void What_a_model_is_tells_it_apart(string change)
    {
        var hash = ModelHash.Of(Changed[change]);
        Assert.Equal(hash, ModelHash.Of(Changed[change]));
        Assert.NotEqual(ModelHash.Of(Model), hash);
        Assert.All(Changed.Where(other => other.Key != change), other => Assert.NotEqual(ModelHash.Of(other.Value), hash));
    }

    private static ModelDefinition Define(KanSettings settings) => new KanNetwork().Define(settings, 0);
}
