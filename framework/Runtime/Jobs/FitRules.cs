using System.Globalization;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Jobs;

/// <summary>What a job's model and its data must fulfil together.</summary>
internal static class FitRules
{
    /// <exception cref="BadInputException">They do not fit; the first problem.</exception>
    public static void Check(JobFile job, ModelDefinition model, ISamples samples)
    {
        if (Problem(job, model, samples) is { } problem)
        {
            throw new BadInputException($"{problem}.");
        }
    }

    /// <summary>What a run does without, one sentence each: grids that no micro-batch has enough rows to update.</summary>
    public static IEnumerable<string> Warnings(JobFile job, ModelDefinition model, ISamples samples)
    {
        var rows = (long)samples.SequencesPerMicroBatch * job.Model.Context;
        var from = 1L;
        for (ModelDefinition? now = model; now is not null; (from, now) = (now.Growth?.Step ?? from, now.Growth?.Model))
        {
            var last = Math.Min(job.Job.Steps, now.Growth?.Step - 1 ?? long.MaxValue);
            if (now.Adaptation is { } adaptation && rows < adaptation.LeastRows && adaptation.IsDueIn(from, last))
            {
                yield return string.Create(
                    CultureInfo.InvariantCulture,
                    $"From step {from} on grids are not updated: a micro-batch, of batch.sequences / batch.micro-batches sequences, has {rows} rows, and an update "
                    + $"of this grid needs {adaptation.LeastRows}; allowed are larger micro-batches, or model.grid-update-every = 0, which turns the updates off.");
                yield break;
            }
        }
    }

    private static string? Problem(JobFile job, ModelDefinition model, ISamples samples) => (model.Regression, samples) switch
    {
        _ when !model.ComputesInFloat64 && "float64" is var wide && (job.Precision.Compute == wide || job.Precision.Parameters == wide) =>
            $"precision is float64, and model.architecture = {job.Model.Architecture} computes parts of itself in float32; allowed are float32 and bfloat16",
        _ when job.Precision.Parameters == "bfloat16" && model.Parameters.FirstOrDefault(parameter => parameter.Update is ParameterUpdate.BySign) is { } stepped =>
            $"precision.parameters is bfloat16, and {stepped.Name} of the model changes by small steps of one size, which bfloat16 loses; it must be float32",
        (null, ISamples<double>) =>
            $"data.kind = {job.Data.Kind} is of real numbers, and model.architecture = {job.Model.Architecture} takes tokens; kan takes real numbers",
        ({ }, ISamples<long>) =>
            $"data.kind = {job.Data.Kind} is of tokens, and model.architecture = {job.Model.Architecture} takes real numbers, as data.kind = function has them",
        ({ } regression, _) when regression.Inputs != samples.Context =>
            $"data.inputs is {samples.Context}, and the model takes {regression.Inputs}; they must be equal",
        ({ } regression, _) when regression.Outputs != samples.Outputs =>
            $"data.formula has {samples.Outputs} expressions, and the model has {regression.Outputs} outputs; they must be as many",
        _ when model.Regression is null && samples.Context != job.Model.Context => string.Create(
            CultureInfo.InvariantCulture,
            $"model.context must be {samples.Context}, the length of the sequences of data.kind {job.Data.Kind}, not {job.Model.Context}"),
        _ when model.Carry is not null && job.Optimizer.IsLbfgs =>
            "optimizer.kind is lbfgs, which compares losses of the parameters alone, and the model carries state from step to step; allowed are adamw and adam-atan2",
        _ when !model.IsCausal && job.Data is TextDataSettings =>
            $"the model sees its whole input at once, and with data.kind = {job.Data.Kind} the targets are in it; it needs a task such as data.kind = sudoku",
        _ => null,
    };
}
