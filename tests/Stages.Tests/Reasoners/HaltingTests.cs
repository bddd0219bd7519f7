using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

public class HaltingTests
{
    private static readonly Pass Training = new(1, 1, 0, Training: true, ScalarType.Float32);

    /// <summary>Rows: halt before go on, both above 0; go on before halt, both above 0; the first with both below 0; neither.</summary>
    [Theory]
    [InlineData(true, "1010")]
    [InlineData(false, "1100")]
    public void A_slot_halts_when_the_model_says_so(bool weighsGoingOn, string expected)
    {
        using var scope = NewDisposeScope();
        var choice = tensor([2f, 1, 1, 2, -1, -2, 0, 0], [4L, 2]);
        var halting = new Halting(4, 0, weighsGoingOn);
        Assert.Equal(expected, Text(halting.Decide(choice, [0, 1, 2, 1], Training)));
        Assert.Equal("1111", Text(halting.Decide(choice, [3, 3, 3, 3], Training)));
        Assert.Equal("0001", Text(halting.Decide(choice, [0, 1, 2, 3], Training with { Training = false })));
    }

    [Fact]
    public void One_pass_is_the_last() => Assert.Equal("1", Text(new Halting(1, 0.5, false).Decide(tensor([-1f, 0], [1L, 2]), [0], Training)));

    /// <summary>With a minimum in every pass that is uniform from 2 to 5, as many as 0, 1, 2, 3 of 4 may halt in the first to the fourth.</summary>
    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(1, 1, 0.25)]
    [InlineData(1, 2, 0.5)]
    [InlineData(1, 3, 0.75)]
    [InlineData(1, 4, 1)]
    [InlineData(0.1, 0, 0.9)]
    [InlineData(0.1, 2, 0.95)]
    public void Exploration_keeps_a_share_from_halting(double exploration, long passes, double expected)
    {
        const int slots = 20_000;
        using var scope = NewDisposeScope();
        var halts = new Halting(5, exploration, false).Decide(ones(slots, 2), [.. Enumerable.Repeat(passes, slots)], Training);
        // Five deviations of a share of so many.
        Assert.Equal(expected, halts.Count(halt => halt) / (double)slots, 5 * Math.Sqrt(0.25 / slots));
    }

    [Fact]
    public void It_is_drawn_for_each_seed_step_and_micro_batch_and_drawn_again_alike()
    {
        using var scope = NewDisposeScope();
        var (choice, passes) = (ones(200, 2), new long[200]);
        var all = new[] { Training, Training with { Seed = 2 }, Training with { Step = 2 }, Training with { MicroBatch = 1 } }.Select(Drawn).ToArray();
        Assert.Equal(4, all.Distinct().Count());
        Assert.Equal(all[0], Drawn(Training));

        string Drawn(Pass pass) => Text(new Halting(8, 0.5, false).Decide(choice, passes, pass));
    }

    private static string Text(IReadOnlyList<bool> halts) => string.Concat(halts.Select(halt => halt ? '1' : '0'));
}
