using Pipeline.Runtime.Generation;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Generation;

/// <summary>Every family writes token by token what it computes of a sequence at once.</summary>
public class GenerationStageTests
{
    private static readonly long[] Tokens = [7, 3, 30, 3, 0, 12, 12, 25, 1, 18, 7, 9, 29, 4];

    public static TheoryData<string, int> FamiliesAndStages => SmallModel.FamiliesAndStages;

    /// <summary>Sums are added up in another order with a cache: float32 keeps seven digits, and four are asked for.</summary>
    [Theory]
    [MemberData(nameof(FamiliesAndStages))]
    public void Prefill_and_steps_equal_the_full_forward(string family, int stages)
    {
        var plan = SmallModel.Plan(family, stages);
        var expected = SmallModel.FullForward(plan.Model, Tokens);
        var other = SmallModel.FullForward(plan.Model, [.. Tokens.Select((token, index) => index == 0 ? token + 1 : token)]);
        var tolerance = 1e-4f * expected.Max(row => row.Max(Math.Abs));
        Assert.True(Difference(expected[^1], other[^1]) > 10 * tolerance, "The last logits hardly depend on the first token, so this test would see nothing.");

        using var pipeline = new Stages(plan);
        foreach (var (from, to) in new[] { (0, 5), (5, 8), (8, 9), (9, 10), (10, 11), (11, 14) })   // a prompt in two pieces, steps, and a piece again
        {
            var actual = pipeline.Logits(0, from, Tokens[from..to]);
            Assert.True(Difference(expected[to - 1], actual) <= tolerance, $"Position {to - 1} differs by {Difference(expected[to - 1], actual)}.");
        }
    }

    /// <summary>Requests have nothing in common but the weights.</summary>
    [Theory]
    [MemberData(nameof(FamiliesAndStages))]
    public void A_request_among_others_is_the_same_to_the_last_bit(string family, int stages)
    {
        var plan = SmallModel.Plan(family, stages);
        using var alone = new Stages(plan);
        using var together = new Stages(plan);
        var expected = new List<float[]>();
        for (var position = 0; position < 8; position += 2)
        {
            expected.Add(alone.Logits(0, position, Tokens[position..(position + 2)]));
        }

        for (var position = 0; position < 8; position += 2)
        {
            together.Logits(1, position, [5, 6]);
            Assert.Equal(expected[position / 2], together.Logits(2, position, Tokens[position..(position + 2)]));
            together.Logits(3, position, Tokens[(position + 2)..(position + 4)]);
        }

        together.Forget(2);
        Assert.Equal(expected[0], together.Logits(2, 0, Tokens[..2]));   // anew
    }

    [Fact]
    public void A_position_that_is_not_the_next_is_refused()
    {
        using var pipeline = new Stages(SmallModel.Plan());
        pipeline.Logits(0, 0, [1, 2]);
        var failure = Assert.Throws<InvalidOperationException>(() => pipeline.Logits(0, 3, [1]));
        Assert.Equal("position 3 came when 2 was next", failure.Message);
    }

    private static float Difference(float[] one, float[] other) => one.Zip(other, (a, b) => Math.Abs(a - b)).Max();

    private sealed class Stages(GenerationPlan plan) : IDisposable
    {
        private readonly GenerationStage[] stages = [.. Enumerable.Range(0, plan.Stages).Select(stage => new GenerationStage(plan, stage))];

        public float[] Logits(int request, long position, long[] tokens)
        {
            var value = tensor(tokens, [1L, tokens.Length]);
            foreach (var stage in stages[..^1])
            {
                value = stage.Forward(request, position, value);
            }

            return stages[^1].Logits(request, position, value);
        }

        public void Forget(int request)
        {
            foreach (var stage in stages)
            {
                stage.Forget(request);
            }
        }

        public void Dispose()
        {
            foreach (var stage in stages)
            {
                stage.Dispose();
            }
        }
    }
}
