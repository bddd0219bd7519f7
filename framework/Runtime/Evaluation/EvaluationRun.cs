using Akka.Actor;
using Pipeline.Core;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Coordination;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Evaluation;

/// <summary>Measures a trained model's loss as its training does: the same stages, samples and order of adding up, so the loss of the training's
/// own validation batches is the same to the last bit.</summary>
public sealed class EvaluationRun : IDisposable
{
    private static readonly TimeSpan TerminationLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    /// <summary>An imported model's context is the longest that it can take, not what one measures at.</summary>
    private const int MostOfImport = 1024;

    private readonly TrainedModel model;
    private readonly IReadOnlyList<Device> devices;
    private readonly IDataset data;
    private readonly StagePlan plan;
    private readonly int batches;

    /// <param name="files">Patterns, relative to the working directory, of files that are evaluated whole; the validation part of the training's data
    /// without them.</param>
    /// <param name="batches">As in the training without it.</param>
    /// <param name="context">Tokens of a sequence; as in the training without it, and of an imported model at most 1024.</param>
    /// <exception cref="BadInputException">The data are not there, are not what they were, or do not fit the model.</exception>
    public EvaluationRun(TrainedModel model, IReadOnlyList<string>? files, int? stages, string? device, int? batches, int? context = null)
    {
        this.model = model;
        this.batches = batches ?? model.Job.Evaluation.Batches;
        (var cuts, devices) = model.Place(stages, device);
        var ofTraining = WithTokenizer(model);
        var isImport = model.Checkpoint.Manifest.IsImport;
        if (files is null && isImport)
        {
            throw new BadInputException("The model was imported and has no data of its own; name files with --data.");
        }

        var length = context ?? (isImport ? Math.Min(model.Job.Model.Context, MostOfImport) : model.Job.Model.Context);
        if (length > model.Definition.Positions)
        {
            throw new BadInputException($"--context must be at most {model.Definition.Positions}, the model's learned positions, not {length}.");
        }

        if (model.Job.Data is not TextDataSettings && (files is not null || length != model.Job.Model.Context))
        {
            throw new BadInputException(
                $"{(files is null ? "--context" : "--data")} is for models of text, and this one was trained on data.kind = {model.Job.Data.Kind}.");
        }

        var job = model.Job with
        {
            Model = model.Job.Model with { Context = length },
            Batch = isImport ? new(Sequences: 4, MicroBatches: 4) : model.Job.Batch,
            Data = ofTraining,
            // The layout changes no bit. Losses are floats added up in double precision, exactly, so neither does their order over replicas.
            Parallel = new ParallelSettings(cuts.Count, "gpipe", ThreadsPerStage: model.Job.Parallel.ThreadsPerStage),
            Evaluation = model.Job.Evaluation with { BeforeFirstStep = true },   // the validation part is needed
            Optimizer = new(),   // averages are read as the parameters
        };
        var manifest = model.Checkpoint.Manifest;
        if (files is null)
        {
            var folder = manifest.Folder is { } then && Directory.Exists(then) ? then : Directory.GetCurrentDirectory();
            data = job.Data.Open(folder, manifest.Data);
        }
        else
        {
            var text = (TextDataSettings)job.Data with { Files = files, ValidationFraction = 1 };
            job = job with { Data = text };
            data = new Corpus(text, Directory.GetCurrentDirectory(), manifest.Characters);   // the tokenizer's path is whole
        }

        try
        {
            if (job.Data is TextDataSettings { ValidationFraction: 0 })
            {
                throw new BadInputException("The training kept no data for validation (data.validation-fraction is 0); name files with --data.");
            }

            var schedule = ScheduleCatalog.Create(job.Parallel.Schedule, cuts.Count, 1, job.Batch.MicroBatches);
            plan = new(job, schedule, new(model.Definition, cuts), data.Samples(job), null);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    public int Stages => devices.Count;

    /// <summary>Tokens of a sequence.</summary>
    public int Context => plan.Job.Model.Context;

    /// <exception cref="StageException">A stage has failed, or stands still.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task<EvaluationResult> RunAsync(CancellationToken stop)
    {
        var system = ActorSystem.Create("pipeline", TrainingRun.Settings());
        system.ActorOf(FrameReaper.Props());
        var host = system.ActorOf(StageHostActor.Props(new(plan, devices.Index().ToDictionary(entry => entry.Index, entry => entry.Item), (_, worker, stage, device) => CreateExecutor(worker, stage, device))), "host");
        var outcome = new TaskCompletionSource<PassResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(EvaluationActor.Props(plan, host, batches, outcome), "coordinator");
        try
        {
            var tokens = plan.Samples!.TargetsPerStep(plan.Job) * batches;
            var measured = Measurement.Of(plan.Targets, await outcome.Task.WaitAsync(stop), batches);
            return new(
                measured,
                tokens,
                batches,
                plan.Samples is ISamples<long> && !model.Definition.Objective.IsPerSequence ? Math.Exp(measured.Loss) : null,
                model.Vocabulary.Bytes is { } bytes ? measured.Loss / Math.Log(2) * tokens / CountBytes(bytes) : null);
        }
        finally
        {
            await host.Ask<StagesEnded>(new EndStages(long.MaxValue), StopLimit, CancellationToken.None).ContinueWith(_ => { }, TaskScheduler.Default);
            await system.Terminate().WaitAsync(TerminationLimit, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => data.Dispose();

    /// <summary>As a training's, with the parameters alone from the checkpoint: the optimizer's state has no part in a loss.</summary>
    private StageExecutor CreateExecutor(int worker, int stage, Device device)
    {
        set_num_threads(plan.Job.Parallel.ThreadsPerStage);
        var executor = new StageExecutor(plan, stage, 0, device);
        try
        {
            using var reader = model.Checkpoint.Read();
            var parameters = model.Definition.Parameters.Select(parameter => parameter.Name).ToHashSet(StringComparer.Ordinal);
            executor.Restore((name, value) =>
            {
                if (parameters.Contains(name))
                {
                    reader.ReadTrainedInto(name, value);
                }
            });
            return executor;
        }
        catch
        {
            executor.Dispose();
            throw;
        }
    }

    /// <exception cref="BadInputException">The data are text, and the model has no tokenizer.</exception>
    private static DataSettings WithTokenizer(TrainedModel model) => model.Job.Data is not TextDataSettings text ? model.Job.Data : text with
    {
        Tokenizer = model.Vocabulary.Tokenizer ?? throw new BadInputException(model.Vocabulary.Problem ??
            "The model has no tokenizer, so no text can be evaluated; one comes along when a model is imported from a folder that has its files."),
    };

    /// <summary>Of the text that the target tokens stand for.</summary>
    private long CountBytes(Func<long, int> bytes)
    {
        var (samples, sum) = ((ISamples<long>)plan.Samples!, 0L);
        var tokens = new long[samples.SequencesPerMicroBatch * samples.Context];
        for (var index = 0; index < batches * plan.Job.Batch.MicroBatches; index++)
        {
            samples.Read(validation: true, index / plan.Job.Batch.MicroBatches, index % plan.Job.Batch.MicroBatches, targets: true, tokens);
            sum += tokens.Sum(token => (long)bytes(token));
        }

        return sum;
    }
}

/// <param name="Measured">With the loss in nats per token where there is a perplexity.</param>
/// <param name="Tokens">Targets that count.</param>
/// <param name="Batches">Of the job's size.</param>
/// <param name="Perplexity">Null where the data are real numbers, or the loss is one of whole sequences.</param>
/// <param name="BitsPerByte">Null where it is not known how many bytes a token stands for.</param>
public sealed record EvaluationResult(Measurement Measured, long Tokens, int Batches, double? Perplexity, double? BitsPerByte)
{
    public double Loss => Measured.Loss;
}
