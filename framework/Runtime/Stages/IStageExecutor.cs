using Pipeline.Core.Optimization;
using Pipeline.Runtime.Replicas;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>The mathematics of one stage, without actors. All calls come from one thread. Tensors passed in become the executor's;
/// tensors returned become the caller's.</summary>
public interface IStageExecutor : IDisposable
{
    /// <summary>Micro-batches whose activations are alive: from their forward to their weight gradients.</summary>
    int InFlight { get; }

    /// <summary>What the stage exchanges with the other replicas; null where it is the only one.</summary>
    StageBuckets? Buckets { get; }

    /// <param name="input">The output of the stage before; null on the first stage, which reads its data itself.</param>
    /// <returns>The stage's output; null on the last stage, which keeps the loss.</returns>
    Tensor? Forward(long step, int microBatch, Tensor? input);

    /// <summary>The backward without the gradients of large weights, which <see cref="WeightGradient"/> adds later.</summary>
    /// <param name="gradient">Of the stage's output; null on the last stage.</param>
    /// <returns>The gradient of the stage's input; null on the first stage.</returns>
    Tensor? InputGradient(int microBatch, Tensor? gradient);

    /// <summary>Adds the micro-batch's share to the gradients of large weights; nothing of the micro-batch is kept afterwards.</summary>
    /// <param name="release">Given in a step's last call where there are <see cref="Buckets"/>: takes each of those without tied parameters,
    /// with its shards, as soon as its gradients are whole.</param>
    void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release = null);

    /// <summary>A forward pass over validation data, of which nothing is kept but the last pass's loss. Where the job has averages of parameters, they
    /// are in the parameters' place from here on.</summary>
    /// <param name="number">Which pass over the same micro-batch it is, from 0; always that where the model carries nothing.</param>
    /// <param name="input">The output of the stage before; on the first stage what the pass before carries, null in the first pass.</param>
    /// <returns>The stage's output; on the last stage what the pass carries to the next, null in the last pass.</returns>
    Tensor? Evaluate(int batch, int microBatch, int number, Tensor? input);

    /// <summary>A forward pass over a step's first micro-batch, the same on all replicas, in which layers adapt (<see cref="Layer.Adapt"/>).</summary>
    /// <param name="input">As in <see cref="Forward"/>.</param>
    /// <returns>The stage's output; null on the last stage.</returns>
    Tensor? Adapt(long step, Tensor? input);

    /// <summary>The stage with the layers of a model that takes this one's place (<see cref="ModelDefinition.At"/>), between two steps. This
    /// executor is disposed.</summary>
    IStageExecutor Grown(ModelDefinition model);

    /// <summary>On the last stage: what the slots of a micro-batch carry, for <see cref="SetCarry"/> on the first one.</summary>
    IReadOnlyList<Tensor> TakeCarry(int microBatch);

    /// <summary>On the first stage, where another is the last: what the slots of a micro-batch bring from the last step.</summary>
    void SetCarry(int microBatch, IReadOnlyList<Tensor> carry);

    /// <summary>Parameters have their own values again.</summary>
    void EndEvaluation();

    /// <summary>The summed losses of the micro-batches run since the last call, added in ascending order, and how much was right; nothing but on the
    /// last stage.</summary>
    PassResult TakeLoss();

    /// <summary>The gradient of a tied copy on this stage; the copy has none afterwards.</summary>
    Tensor TakeTiedGradient(TiedCopy copy);

    /// <summary>Adds a copy's gradient to that of the parameter that this stage owns.</summary>
    void AddTiedGradient(TiedCopy copy, Tensor gradient);

    /// <summary>A copy of the value of a parameter that this stage owns.</summary>
    Tensor TiedValue(TiedCopy copy);

    /// <summary>Gives a tied copy on this stage its owner's new value, after a step.</summary>
    void SetTiedValue(TiedCopy copy, Tensor value);

    /// <summary>The sum of squares of the gradient of every optimized parameter that this stage owns, by name; with replicas, of the pieces in this
    /// one's shards. Of another parameter only what is not finite.</summary>
    IReadOnlyList<KeyValuePair<string, double>> GradientSquares();

    /// <summary>What <see cref="LbfgsProducts"/> lists, of every optimized parameter or piece, by name as <see cref="GradientSquares"/>; empty where the
    /// optimizer is another.</summary>
    IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products();

    /// <summary>Ends a step: applies the optimizer with gradients times <paramref name="gradientScale"/> and clears them.</summary>
    /// <param name="gradientScale">Null: the step is skipped, gradients are only cleared.</param>
    /// <param name="move">With L-BFGS what becomes of parameters, also where the step is skipped; null: nothing.</param>
    void Apply(long step, double? gradientScale, LbfgsMove? move = null);

    /// <summary>After <see cref="Apply"/>, when all parameters that this stage owns have their new values: brings their averages up to date. Those of tied
    /// copies follow in <see cref="SetTiedValue"/>.</summary>
    void UpdateAverages();

    /// <summary>Parameters and optimizer state that this stage saves, by the names of a checkpoint: what is equal on all replicas is the first
    /// one's to save.</summary>
    IReadOnlyList<(string Name, Tensor Value)> State();

    /// <summary>All that <see cref="Restore"/> asks for, on this replica: of several tensors with one name, which are copies of one another, each.</summary>
    IReadOnlyList<(string Name, Tensor Value)> WholeState();

    /// <summary>Has <paramref name="read"/> fill every parameter, tied copies too, and all optimizer state in place.</summary>
    void Restore(Action<string, Tensor> read);
}
