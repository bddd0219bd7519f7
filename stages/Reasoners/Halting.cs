using Pipeline.Core;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Stages.Reasoners;

/// <summary>When a slot takes its next sample: after the most passes, or as soon as the model says "halt", but for an exploration in which it goes on
/// for a number of passes that is drawn. An evaluation always makes the most passes.</summary>
/// <param name="Exploration">How likely a pass of a slot has a minimum: uniform from 2 to the most passes, drawn anew for each pass.</param>
/// <param name="WeighsGoingOn">"Halt" is to be greater than "go on", as in HRM; else than 0, as in TRM.</param>
internal sealed record Halting(int MostPasses, double Exploration, bool WeighsGoingOn)
{
    /// <param name="choice">(slots, 2): logits of "halt" and "go on".</param>
    /// <param name="passes">Of each slot's sample before this one.</param>
    public IReadOnlyList<bool> Decide(Tensor choice, IReadOnlyList<long> passes, Pass pass)
    {
        var logits = choice.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        return [.. passes.Select((before, slot) => IsLast(before) || (pass.Training && WantsTo(slot) && before + 1 >= Minimum(pass, slot)))];

        bool WantsTo(int slot) => logits[2 * slot] > (WeighsGoingOn ? logits[(2 * slot) + 1] : 0);
    }

    public bool IsLast(long passesBefore) => passesBefore + 1 >= MostPasses;

    /// <summary>The fewest passes, by (seed, step, micro-batch, slot) alone: a pass that is recomputed draws the same.</summary>
    private long Minimum(Pass pass, int slot)
    {
        var random = Seeds.Derive(pass.Seed, pass.Step, pass.MicroBatch, $"halting.{slot}");
        var explores = (random >> 11) * Math.ScaleB(1, -53) < Exploration;
        return explores ? 2 + Seeds.Below(Seeds.Derive((long)random, "minimum"), MostPasses - 1) : 0;
    }
}
