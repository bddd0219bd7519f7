using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Tests.Models;

[Collection(nameof(Alone))]
public class ParameterTests
{
    private static readonly ParameterDefinition Definition = new("h.0.weight", [16, 8], Initialization.Normal(0.5));

    [Fact]
    public void A_value_follows_from_seed_and_name_alone()
    {
        using var scope = NewDisposeScope();
        var value = Draw(Definition, 1);
        Assert.Equal(value, Draw(Definition, 1));
        Assert.NotEqual(value, Draw(Definition, 2));
        Assert.NotEqual(value, Draw(Definition with { Name = "h.1.weight" }, 1));
    }

    [Fact]
    public void A_constant_is_the_same_everywhere() =>
        Assert.All(Draw(new("ln.weight", [7], Initialization.Constant(1)), 1), value => Assert.Equal(1, value));

    [Fact]
    public void Only_matrices_decay()
    {
        Assert.True(Definition.Decays);
        Assert.False(new ParameterDefinition("bias", [16], Initialization.Constant(0)).Decays);
    }

    [Fact]
    public void Dropout_keeps_the_expectation_and_replays_by_place()
    {
        using var scope = NewDisposeScope();
        var pass = new Pass(1, 2, 3, Training: true, ScalarType.Float32);
        var dropped = pass.Dropout(ones(100_000), 0.25, "here");
        Assert.Equal(1, dropped.mean().item<float>(), 0.02);
        Assert.Equal(0.25, dropped.eq(0).to(ScalarType.Float32).mean().item<float>(), 0.01);
        Assert.True(dropped.equal(pass.Dropout(ones(100_000), 0.25, "here")).all().item<bool>());
        Assert.False(dropped.equal(pass.Dropout(ones(100_000), 0.25, "there")).all().item<bool>());
    }

    [Fact]
    public void Dropout_leaves_libtorchs_own_generator_alone()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(7);
        var expected = rand(3).data<float>().ToArray();
        random.manual_seed(7);
        new Pass(1, 2, 3, Training: true, ScalarType.Float32).Dropout(ones(10), 0.5, "here");
        Assert.Equal(expected, rand(3).data<float>().ToArray());
    }

    private static float[] Draw(ParameterDefinition definition, long seed)
    {
        using var parameter = new Parameter(definition, seed, ScalarType.Float32, CPU);
        return parameter.Value.data<float>().ToArray();
    }
}
