using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Checkpoints;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;
using static TorchSharp.torch;

namespace Pipeline.Runtime.HuggingFace;

/// <summary>The stages of an imported model, and one step of one micro-batch through them.</summary>
internal sealed class VerificationRun : IDisposable
{
    private readonly Partition partition;
    private readonly List<StageExecutor> stages = [];
    private readonly long targets;

    public VerificationRun(HuggingFaceModel model, HuggingFaceDump dump, int stageCount)
    {
        // Hugging Face's loss leaves each sequence's last logits out, for their target is not there; the model runs on all tokens.
        var length = dump.Length - 1;
        targets = (long)dump.Sequences * length;
        var job = model.Job with
        {
            Model = model.Job.Model with { Context = length },
            Batch = new(dump.Sequences, 1),
            Parallel = new(stageCount),
        };
        var definition = model.Definition with
        {
            Objective = new WithoutLast(model.Definition.Objective, length, logits => Logits = logits.detach().clone().DetachFromDisposeScope()),
        };
        partition = new(definition, LayerSplit.Even(definition.Layers.Count, stageCount));
        var schedule = ScheduleCatalog.Create(job.Parallel.Schedule, stageCount, 1, 1);
        var plan = new StagePlan(job, schedule, partition, new GivenTokens(dump.Ids, dump.Length));
        for (var stage = 0; stage < stageCount; stage++)
        {
            stages.Add(plan.CreateExecutor(stage, stage, CPU));
            stages[stage].Restore((name, value) => Fill(model, name, value));
        }
    }

    /// <summary>(sequences, length, vocabulary), after the step.</summary>
    public Tensor Logits { get; private set; } = null!;

    /// <summary>Of every parameter, after the step.</summary>
    public IEnumerable<(string Name, Tensor Value)> Gradients =>
        stages.SelectMany(stage => stage.State()).Where(entry => entry.Value.requires_grad).Select(entry => (entry.Name, entry.Value.grad!));

    /// <returns>The mean loss.</returns>
    public double Step()
    {
        Tensor? handed = null;
        foreach (var stage in stages)
        {
            handed = stage.Forward(1, 0, handed);
        }

        foreach (var stage in Enumerable.Reverse(stages))
        {
            handed = stage.InputGradient(0, handed);
            stage.WeightGradient(0);
        }

        foreach (var copy in partition.TiedCopies)
        {
            stages[copy.Owner].AddTiedGradient(copy, stages[copy.Stage].TakeTiedGradient(copy));
        }

        return stages[^1].TakeLoss().Loss / targets;
    }

    public void Dispose()
    {
        stages.ForEach(stage => stage.Dispose());
        Logits?.Dispose();
    }

    private static void Fill(HuggingFaceModel model, string name, Tensor value)
    {
        using var scope = NewDisposeScope();
        if (!name.StartsWith(Checkpoint.OptimizerPrefix, StringComparison.Ordinal))
        {
            value.copy_(model.Read(name, value.dtype));
        }
    }

    /// <summary>Leaves the last place of each sequence out.</summary>
    /// <param name="length">Places that count.</param>
    /// <param name="see">Gets the output whole.</param>
    private sealed class WithoutLast(Objective inner, int length, Action<Tensor> see) : Objective
    {
        public override Tensor Loss(Tensor output, Tensor targets, Pass pass)
        {
            see(output);
            return inner.Loss(output.narrow(1, 0, length).contiguous(), targets.narrow(1, 0, length).contiguous(), pass);
        }
    }
}
