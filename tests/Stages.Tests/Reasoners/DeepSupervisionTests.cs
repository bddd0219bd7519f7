using Pipeline.Stages.Reasoners;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Tests.Reasoners;

public class DeepSupervisionTests
{
    private static readonly TrmSettings Trm = new("trm", 16, 4, 2, NetLayers: 1, HighCycles: 2, LowCycles: 1, PuzzleLength: 1, HaltMaxPasses: 3, HaltExploration: 0);
    private static readonly ReasoningOutputShape Shape = new(2, 2, 2, 1);

    /// <summary>Logits of [1, -1] each, label 0: stablemax .22314355, and all right, so that halting at -5 costs log(1 + e^5) / 2. The second sequence
    /// has one target, which is wrong; the third has none.</summary>
    [Fact]
    public void A_sequences_loss_is_the_mean_of_its_targets_and_half_of_the_halting()
    {
        using var scope = NewDisposeScope();
        var (said, targets) = (Said(ahead: null), tensor([0L, 0, 1, -100, -100, -100], [3L, 2]));
        var (right, wrong) = (-Math.Log(2 / 2.5), -Math.Log(0.5 / 2.5));
        var (halts, goesOn) = (Math.Log(1 + Math.Exp(5)), Math.Log(1 + Math.Exp(-5)));
        var loss = Of(weighsGoingOn: false).Loss(said, targets, UnrolledRecursionTests.TestPass(null, ScalarType.Float32));
        Assert.Equal(ScalarType.Float32, loss.dtype);
        Assert.Equal(right + wrong + (0.5 * (halts + goesOn + halts)), loss.item<float>(), 1e-5);
        Assert.Equal([2L, 2], Of(false).Score(said, targets).data<long>().ToArray());
    }

    /// <summary>The target of going on is the better choice of the next pass, and where this pass is the last that of halting.</summary>
    [Fact]
    public void Going_on_is_worth_what_the_next_pass_thinks()
    {
        using var scope = NewDisposeScope();
        var (said, targets) = (Said(ahead: tensor([-2f, 1, 3, 1, -2, 1], [3L, 2])), full([3, 2], -100, ScalarType.Int64));
        using var carry = new Carry(null, [0, 0, 2], [0, 0, 0]);
        var pass = UnrolledRecursionTests.TestPass(carry, ScalarType.Float64);
        var halting = 3 * Binary(-5, 1);
        Assert.Equal(0.5 * (halting + Binary(-4, Sigmoid(1)) + Binary(-4, Sigmoid(3)) + Binary(-4, Sigmoid(-2))), Of(true).Loss(said, targets, pass).item<double>(), 1e-6);
        Assert.Equal(0.5 * halting, Of(true).Loss(said, targets, pass with { Training = false }).item<double>(), 1e-6);

        static double Sigmoid(double logit) => 1 / (1 + Math.Exp(-logit));

        static double Binary(double logit, double target) => -(target * Math.Log(Sigmoid(logit))) - ((1 - target) * Math.Log(Sigmoid(-logit)));
    }

    [Fact]
    public void Softmax_may_take_the_place_of_stablemax()
    {
        using var scope = NewDisposeScope();
        var loss = new DeepSupervision(Shape, new(3, 0, false), isStablemax: false)
            .Loss(Said(null), tensor([0L, 0, 1, -100, -100, -100], [3L, 2]), UnrolledRecursionTests.TestPass(null, ScalarType.Float64));
        Assert.Equal(
            Math.Log(1 + Math.Exp(-2)) + Math.Log(1 + Math.Exp(2)) + Math.Log(1 + Math.Exp(5)) + (0.5 * Math.Log(1 + Math.Exp(-5))), loss.item<double>(), 1e-6);
    }

    /// <summary>A new slot begins with the fixed states, whatever its row holds; the others with theirs.</summary>
    [Fact]
    public void Slots_that_are_new_begin_anew()
    {
        using var scope = NewDisposeScope();
        var model = new ReasonerModel(Trm, ScalarType.Float32);
        using var carry = model.Carry(ScalarType.Float32);
        carry.State![0] = float.NaN;
        var stream = model.Layers[0].Forward(zeros([3, 4], ScalarType.Int64), UnrolledRecursionTests.TestPass(carry, ScalarType.Float32));
        Assert.Equal(0, ModelRun.Distance(stream[0, 0], model.Values["H_init"].expand(5, 16)));
        Assert.Equal(0, ModelRun.Distance(stream[0, 1], model.Values["L_init"].expand(5, 16)));
        Assert.Equal(0, ModelRun.Distance(stream[1.., ..2], carry.State[1..]));
        foreach (var empty in new[] { null, Carry.Empty(3) })
        {
            var anew = model.Layers[0].Forward(zeros([3, 4], ScalarType.Int64), UnrolledRecursionTests.TestPass(empty, ScalarType.Float32));
            Assert.Equal(0, ModelRun.Distance(anew, stream[..1].expand(3, -1, -1, -1)));
        }
    }

    /// <summary>A pass that is run again, as recompute does, leaves the same carry.</summary>
    [Fact]
    public void A_pass_leaves_its_states_and_counts_and_the_same_when_it_is_run_again()
    {
        using var scope = NewDisposeScope();
        var model = new ReasonerModel(Trm with { HaltExploration = 0.5 }, ScalarType.Float32);
        using var carry = model.Carry(ScalarType.Float32);
        var input = randint(0, 5, [3, 4], ScalarType.Int64);
        var pass = UnrolledRecursionTests.TestPass(carry, ScalarType.Float32);
        using (no_grad())
        {
            model.Definition.Objective.Loss(model.Output(input, pass), input, pass);
        }

        var (state, passes, samples) = (carry.Next!.State!.clone(), carry.Next.Passes, carry.Next.Samples);
        model.Step(input, input, pass, splits: true, 2);
        Assert.Equal(0, ModelRun.Distance(state, carry.Next.State!));
        Assert.Equal(passes, carry.Next.Passes);
        Assert.Equal(samples, carry.Next.Samples);
        Assert.Equal((0, 10), (passes[2], samples[2]));   // the third slot's third pass was the last
        Assert.All(Enumerable.Range(0, 2), slot => Assert.True((passes[slot], samples[slot]) == (slot + 1, 7 + slot) || (passes[slot], samples[slot]) == (0, 8 + slot)));
    }

    /// <summary>An evaluation makes all passes, and a later one knows more than the first: it begins with what that has left.</summary>
    [Fact]
    public void An_evaluation_halts_after_the_most_passes_alone()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var model = new ReasonerModel(Trm, ScalarType.Float32);
        var input = randint(0, 5, [3, 4], ScalarType.Int64);
        using var begin = Carry.Empty(3);
        var carry = begin;
        var outputs = new List<Tensor>();
        for (var number = 1; number <= 3; number++)
        {
            var pass = UnrolledRecursionTests.TestPass(carry, ScalarType.Float32) with { Training = false };
            outputs.Add(model.Output(input, pass));
            model.Definition.Objective.Loss(outputs[^1], input, pass);
            carry = carry.Next!;
            Assert.Equal(number == 3 ? [0, 0, 0] : [number, number, number], carry.Passes);
        }

        Assert.Equal(3, outputs.Select(output => output.abs().sum().item<float>()).Distinct().Count());
    }

    /// <param name="ahead">What the next pass says of halting and going on.</param>
    private static Tensor Said(Tensor? ahead) => ReasoningOutputShape.Pack(new(
        tensor([1f, -1], [1L, 1, 2]).expand(3, 2, 2), tensor([-5f, -4], [1L, 2]).expand(3, 2), ahead, zeros(3, 2, 2, 1)));

    private static DeepSupervision Of(bool weighsGoingOn) => new(Shape, new(3, 0, weighsGoingOn), isStablemax: true);
}
