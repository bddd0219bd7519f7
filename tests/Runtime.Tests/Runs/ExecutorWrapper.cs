using Pipeline.Core.Optimization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Replicas;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Runs;

/// <summary>An executor around another, to change one thing of it.</summary>
internal abstract class ExecutorWrapper(IStageExecutor inner) : IStageExecutor
{
    public int InFlight => inner.InFlight;

    public StageBuckets? Buckets => inner.Buckets;

    public virtual Tensor? Forward(long step, int microBatch, Tensor? input) => inner.Forward(step, microBatch, input);

    public virtual Tensor? InputGradient(int microBatch, Tensor? gradient) => inner.InputGradient(microBatch, gradient);

    public virtual void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release) => inner.WeightGradient(microBatch, release);

    public virtual Tensor? Evaluate(int batch, int microBatch, int number, Tensor? input) => inner.Evaluate(batch, microBatch, number, input);

    public Tensor? Adapt(long step, Tensor? input) => inner.Adapt(step, input);

    public IStageExecutor Grown(ModelDefinition model) => inner.Grown(model);

    public IReadOnlyList<Tensor> TakeCarry(int microBatch) => inner.TakeCarry(microBatch);

    public void SetCarry(int microBatch, IReadOnlyList<Tensor> carry) => inner.SetCarry(microBatch, carry);

    public void EndEvaluation() => inner.EndEvaluation();

    public virtual PassResult TakeLoss() => inner.TakeLoss();

    public virtual Tensor TakeTiedGradient(TiedCopy copy) => inner.TakeTiedGradient(copy);

    public void AddTiedGradient(TiedCopy copy, Tensor gradient) => inner.AddTiedGradient(copy, gradient);

    public Tensor TiedValue(TiedCopy copy) => inner.TiedValue(copy);

    public void SetTiedValue(TiedCopy copy, Tensor value) => inner.SetTiedValue(copy, value);

    public virtual IReadOnlyList<KeyValuePair<string, double>> GradientSquares() => inner.GradientSquares();

    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products() => inner.Products();

    public void Apply(long step, double? gradientScale, LbfgsMove? move = null) => inner.Apply(step, gradientScale, move);

    public void UpdateAverages() => inner.UpdateAverages();

    public IReadOnlyList<(string Name, Tensor Value)> State() => inner.State();

    public IReadOnlyList<(string Name, Tensor Value)> WholeState() => inner.WholeState();

    public void Restore(Action<string, Tensor> read) => inner.Restore(read);

    public void Dispose() => inner.Dispose();
}

/// <summary>Fails in one action of micro-batch 2 of step 4.</summary>
internal sealed class FailingExecutor(IStageExecutor inner, int stage, ActionKind kind) : ExecutorWrapper(inner)
{
    private long current;

    public override Tensor? Forward(long step, int microBatch, Tensor? input)
    {
        current = step;
        Plant(ActionKind.Forward, microBatch, input);
        return base.Forward(step, microBatch, input);
    }

    public override Tensor? InputGradient(int microBatch, Tensor? gradient)
    {
        Plant(ActionKind.InputGradient, microBatch, gradient);
        return base.InputGradient(microBatch, gradient);
    }

    public override void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release)
    {
        Plant(ActionKind.WeightGradient, microBatch, null);
        base.WeightGradient(microBatch, release);
    }

    private void Plant(ActionKind action, int microBatch, Tensor? handed)
    {
        if (current == 4 && action == kind && microBatch == 2)
        {
            handed?.Dispose();
            throw new InvalidOperationException($"planted in stage {stage}\nwith a second line");
        }
    }
}

/// <summary>Reports a gradient that is not a number in some steps.</summary>
internal sealed class PoisonedExecutor(IStageExecutor inner, long first, long last) : ExecutorWrapper(inner)
{
    private long current;

    public override Tensor? Forward(long step, int microBatch, Tensor? input)
    {
        current = step;
        return base.Forward(step, microBatch, input);
    }

    public override IReadOnlyList<KeyValuePair<string, double>> GradientSquares() => current >= first && current <= last
        ? [.. base.GradientSquares().Select(square => KeyValuePair.Create(square.Key, double.NaN))]
        : base.GradientSquares();
}
