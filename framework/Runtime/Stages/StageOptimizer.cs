using Pipeline.Core.Jobs;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Replicas;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Stages;

/// <summary>What changes a stage's parameters when a step ends: the job's optimizer, for those with an update of their own that, and the averages that
/// follow them.</summary>
internal sealed class StageOptimizer : IDisposable
{
    private readonly OptimizerSettings settings;
    private readonly long began;
    private readonly IReadOnlyList<Parameter> owned;
    private readonly IReadOnlyList<Parameter> copies;
    private readonly IReadOnlyList<ParameterPiece> measured;
    private readonly Optimizer? optimizer;
    private readonly LbfgsPart? lbfgs;
    private readonly SignDescent signDescent;

    /// <param name="owned">The parameters whose optimizer state this stage has.</param>
    /// <param name="copies">Of parameters that other layers own.</param>
    /// <param name="buckets">Null where there is one replica.</param>
    /// <param name="began">The step after which moments were zero (<see cref="ModelDefinition.Began"/>): their bias is corrected for the steps since.</param>
    public StageOptimizer(IReadOnlyList<Parameter> owned, IReadOnlyList<Parameter> copies, StageBuckets? buckets, JobFile job, long began)
    {
        (settings, this.began) = (job.Optimizer, began);
        (this.owned, this.copies) = (owned, copies);
        var whole = ParameterPiece.Whole(owned.Where(parameter => !parameter.Definition.IsFixed));
        measured = buckets?.Own ?? whole;
        var updated = job.Parallel.ShardsOptimizer ? buckets!.Own : whole;
        ParameterPiece[] optimized = [.. updated.Where(IsOptimized)];
        (optimizer, lbfgs) = settings.IsLbfgs ? ((Optimizer?)null, new LbfgsPart(optimized, settings.History)) : (Optimizer.Of(optimized, settings), null);
        signDescent = new([.. updated.Where(piece => !IsOptimized(piece))]);
        Averages = new(settings.Ema == 0 ? [] : owned.Concat(copies).Where(parameter => parameter.Definition.IsOptimized), settings.Ema);
    }

    public ParameterAverages Averages { get; }

    /// <summary>Of this replica alone where the optimizer is sharded, by the names of a checkpoint.</summary>
    public IEnumerable<(string Name, Tensor Value)> State =>
        (optimizer?.State ?? lbfgs!.State).Select(state => ($"{Checkpoint.OptimizerPrefix}{state.Moment}.{state.Parameter}", state.Value));

    /// <summary>What L-BFGS needs, by names of parameters; empty with another optimizer.</summary>
    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<double>>> Products => lbfgs?.Products() ?? [];

    /// <summary>The sum of squares of every optimized parameter's gradient, or of this replica's pieces, by name. A parameter with an update of its own
    /// has no part in the norm, but a gradient that is not finite must be known.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> GradientSquares()
    {
        using var scope = NewDisposeScope();
        var squares = measured.Zip(SquaredNorm.Of([.. measured.Select(Gradient)]));
        return
        [
            .. squares.Where(entry => IsOptimized(entry.First) || !double.IsFinite(entry.Second))
                .Select(entry => KeyValuePair.Create(entry.First.Parameter.Name, entry.Second)),
        ];
    }

    /// <param name="gradientScale">Null: the step is skipped.</param>
    /// <param name="move">With L-BFGS, also where the step is skipped: back from where there is no finite loss.</param>
    /// <returns>Parameters have changed.</returns>
    public bool Apply(long step, double? gradientScale, LbfgsMove? move)
    {
        if (move is not null)
        {
            lbfgs!.Apply(move);
        }

        if (gradientScale is { } scale)
        {
            optimizer?.Apply(step - began, LearningRate.At(settings, step), scale);
            signDescent.Apply();
        }

        return gradientScale is not null || move is not null;
    }

    /// <summary>All parameters that the stage owns have the values of a step.</summary>
    public void UpdateAverages()
    {
        foreach (var parameter in owned)
        {
            Averages.Follow(parameter);
        }
    }

    /// <summary>Parameters have got values of another meaning: their first moments are zero again, and their averages begin at the values. L-BFGS forgets all by
    /// <see cref="Lbfgs.Stop"/>.</summary>
    /// <param name="parameters">Names.</param>
    public void Reset(IReadOnlyCollection<string> parameters)
    {
        optimizer?.ResetFirstMoments(parameters);
        foreach (var parameter in owned.Concat(copies).Where(parameter => parameters.Contains(parameter.Name)))
        {
            Averages.Restart(parameter);
        }
    }

    public void Dispose()
    {
        optimizer?.Dispose();
        lbfgs?.Dispose();
        signDescent.Dispose();
        Averages.Dispose();
    }

    private static bool IsOptimized(ParameterPiece piece) => piece.Parameter.Definition.IsOptimized;

    private static Tensor Gradient(ParameterPiece piece) => piece.Gradient
        ?? throw new InvalidOperationException($"no gradient reached the parameter {piece.Parameter.Name}");
}
