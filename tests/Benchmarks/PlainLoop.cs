using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Pipeline.Core.Data;
using Pipeline.Core.Optimization;
using Pipeline.Runtime.Runs;
using Pipeline.Stages.LanguageModels;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Models;
using Pipeline.Tensors.Operators;
using Pipeline.Tensors.Optimizers;
using static TorchSharp.torch;

namespace Pipeline.Benchmarks;

/// <summary>The alternative to a pipeline on one machine: the same model and fused AdamW in one plain loop, whole batches, all cores.</summary>
internal static class PlainLoop
{
    public static Command Create()
    {
        var job = new Argument<string>("JOB");
        var set = new Option<string[]>("--set");
        var command = new Command("plain", "One plain loop; prints its median step time in ms.") { job, set };
        command.SetAction(parsed =>
        {
            using var plan = new TrainingPlan(parsed.GetRequiredValue(job), parsed.GetValue(set) ?? [], [new Gpt2()]);
            Console.WriteLine((Run(plan) * 1e3).ToString("F3", CultureInfo.InvariantCulture));
        });
        return command;
    }

    private static double Run(TrainingPlan plan)
    {
        set_num_threads(Environment.ProcessorCount);
        var parameters = plan.Partition.Model.Parameters
            .ToDictionary(p => p.Name, p => new Parameter(p, plan.Job.Job.Seed, ScalarType.Float32, CPU), StringComparer.Ordinal);
        var values = parameters.ToDictionary(p => p.Key, p => p.Value.Value, StringComparer.Ordinal);
        var layers = plan.Partition.Model.Layers.Select(layer => layer.Build(values)).ToArray();
        using var optimizer = new AdamW([.. parameters.Values], plan.Job.Optimizer);
        var samples = (ISamples<long>)plan.Samples;
        var (sequences, context) = (plan.Samples.SequencesPerMicroBatch, plan.Samples.Context);
        var tokens = new long[sequences * context];
        var times = new List<double>();
        for (var step = 1; step <= plan.Job.Job.Steps; step++)
        {
            var began = Stopwatch.GetTimestamp();
            using var scope = NewDisposeScope();
            var pass = new Pass(plan.Job.Job.Seed, step, 0, Training: true, ScalarType.Float32);
            samples.Read(false, step, 0, targets: false, tokens);
            var output = layers.Aggregate(tensor(tokens, [sequences, context]), (value, layer) => layer.Forward(value, pass));
            samples.Read(false, step, 0, targets: true, tokens);
            var loss = TokenPrediction.Sum(output, tensor(tokens, [sequences, context])) / tokens.Length;
            loss.backward();
            var squares = SquaredNorm.Of([.. parameters.Values.Select(p => p.Gradient!)]);
            var norm = GradientClip.Norm(parameters.Keys.Zip(squares, KeyValuePair.Create));
            optimizer.Apply(step, LearningRate.At(plan.Job.Optimizer, step), GradientClip.Factor(norm, plan.Job.Optimizer.ClipNorm));
            foreach (var parameter in parameters.Values)
            {
                parameter.ClearGradient();
            }

            _ = loss.item<float>();
            times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return Figures.Median(times);
    }
}
