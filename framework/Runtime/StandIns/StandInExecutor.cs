using System.Runtime.InteropServices;
using Pipeline.Core.Optimization;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Replicas;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.StandIns;

/// <summary>A stage that takes the time of its mathematics and does none: it sleeps, and hands over a single number.</summary>
internal sealed partial class StandInExecutor(Schedule schedule, ActionTimes seconds, int stage) : IStageExecutor
{
    private readonly HashSet<int> alive = [];

    public int InFlight => alive.Count;

    public StageBuckets? Buckets => null;

    public Tensor? Forward(long step, int microBatch, Tensor? input)
    {
        alive.Add(microBatch);
        return Take(seconds.Forward[stage], input, stage == schedule.Stages - 1);
    }

    public Tensor? InputGradient(int microBatch, Tensor? gradient) => Take(seconds.InputGradient[stage], gradient, stage == 0);

    public void WeightGradient(int microBatch, Action<int, IReadOnlyList<Tensor>>? release = null)
    {
        Sleep(seconds.WeightGradient[stage]);
        alive.Remove(microBatch);
    }

    public Tensor? Evaluate(int batch, int microBatch, int number, Tensor? input) => Take(seconds.Forward[stage], input, stage == schedule.Stages - 1);

    public void EndEvaluation()
    {
    }

    public PassResult TakeLoss() => default;

    /// <summary>Each of a rank's stages takes an equal part of the rank's optimizer.</summary>
    public void Apply(long step, double? gradientScale, LbfgsMove? move = null)
    {
        var rank = schedule.RankOf(stage);
        Sleep((seconds.Optimizer?[rank] ?? 0) / schedule.StagesOf[rank].Count);
    }

    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products() => [];

    public void UpdateAverages()
    {
    }

    public IReadOnlyList<KeyValuePair<string, double>> GradientSquares() => [];

    public IReadOnlyList<(string Name, Tensor Value)> State() => [];

    public IReadOnlyList<(string Name, Tensor Value)> WholeState() => [];

    public void Restore(Action<string, Tensor> read)
    {
    }

    public Tensor? Adapt(long step, Tensor? input) => throw NoParameters();

    public IStageExecutor Grown(ModelDefinition model) => throw NoParameters();

    public IReadOnlyList<Tensor> TakeCarry(int microBatch) => throw NoParameters();

    public void SetCarry(int microBatch, IReadOnlyList<Tensor> carry) => throw NoParameters();

    public Tensor TakeTiedGradient(TiedCopy copy) => throw NoParameters();

    public void AddTiedGradient(TiedCopy copy, Tensor gradient) => throw NoParameters();

    public Tensor TiedValue(TiedCopy copy) => throw NoParameters();

    public void SetTiedValue(TiedCopy copy, Tensor value) => throw NoParameters();

    public void Dispose()
    {
    }

    private static Tensor? Take(double time, Tensor? input, bool isEnd)
    {
        Sleep(time);
        input?.Dispose();
        return isEnd ? null : zeros(1).DetachFromDisposeScope();
    }

    /// <summary>Thread.Sleep knows whole milliseconds only.</summary>
    private static void Sleep(double time)
    {
        if (OperatingSystem.IsWindows())
        {
            Thread.Sleep(TimeSpan.FromSeconds(time));
        }
        else if (time > 0)
        {
            _ = usleep((uint)(1e6 * time));   // a signal may end it early, which the measured times show
        }
    }

    private static InvalidOperationException NoParameters() => new("A stand-in has no parameters.");

    [LibraryImport("libc")]
    private static partial int usleep(uint microseconds);
}
