using System.IO.Compression;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Core.Configuration;
using Pipeline.Core.Data;
using Pipeline.Core.Faults;
using Pipeline.Core.Partitioning;
using Pipeline.Core.Schedules;
using Pipeline.Runtime.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Runtime.Stages;
using Pipeline.Tensors.Models;

namespace Pipeline.Runtime.Cluster;

/// <summary>A run as any node can open it: what <see cref="RunPlan"/> says, as a message.</summary>
/// <param name="Run">The run's secret.</param>
/// <param name="Time">When it was submitted.</param>
/// <param name="Name">Of the job.</param>
/// <param name="Job">The job file as resolved.</param>
/// <param name="Folder">Where it lies: what the data's paths are relative to.</param>
/// <param name="Directory">The run's, absolute.</param>
/// <param name="Schedule">Its name.</param>
/// <param name="Rows">Its rows, as text.</param>
/// <param name="Files">The data as the run has frozen them, compressed: there may be many.</param>
/// <param name="Tokenizer">Its name, which has a tokenizer file's hash.</param>
/// <param name="Data">How much there is, in words.</param>
/// <param name="ModelHash">Of the model's layers and parameters.</param>
/// <param name="Resumed">The <see cref="ResumedFrom"/>, compressed; null when the run starts anew.</param>
/// <param name="Faults">That are to happen, as <c>--inject</c> takes them.</param>
/// <param name="Branches">The checkpoint is another run's.</param>
/// <param name="PassedOver">Newer ones that cannot be used, by path.</param>
internal sealed record SubmittedRun(
    Guid Run,
    DateTimeOffset Time,
    string Name,
    string Job,
    string Architecture,
    string Folder,
    string Directory,
    string Schedule,
    string Rows,
    byte[] Files,
    string Tokenizer,
    string? Characters,
    string Data,
    int Vocabulary,
    IReadOnlyList<DataFile>? TokenizerFiles,
    StepTargets Targets,
    string ModelHash,
    byte[]? Resumed,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Faults,
    bool Branches,
    IReadOnlyCollection<string> PassedOver) : IControlMessage
{
    /// <summary>Of the list of files and what the run continues from, compressed: what is left of a message for the rest is plenty.</summary>
    private const int MostBytes = 2 << 20;

    /// <summary>Of each as text.</summary>
    private const int MostText = 64 << 20;

    private IReadOnlyList<DataFile>? files;

    /// <param name="run">The run's secret.</param>
    /// <exception cref="BadInputException">It has more files, or the model it continues from was imported from more tensors, than a message can list.</exception>
    public static SubmittedRun Of(Guid run, RunPlan plan)
    {
        var resumed = plan.Resumed is null ? null : Compress(plan.Resumed);
        if (resumed?.Length > MostBytes / 2)
        {
            throw new BadInputException(
                $"--resume: what {plan.Resumed!.Directory} tells of its model's origin takes {resumed.Length} bytes, and {MostBytes / 2} are the most on a cluster.");
        }

        var (files, most) = (Compress(plan.Data.Files), MostBytes - (resumed?.Length ?? 0));
        if (files.Length > most)
        {
            throw new BadInputException(
                $"data.files: {plan.Data.Files.Count} files are more than a run on a cluster can have (their list takes {files.Length} bytes, {most} at most); join small files.");
        }

        return new(
            run,
            DateTimeOffset.UtcNow,
            plan.Job.Job.Name,
            SettingsWriter.Write(plan.Job),
            plan.Job.Model.Architecture,
            plan.Data.Folder,
            plan.Directory.Root,
            plan.Schedule.Name,
            plan.Schedule.ToCsv(),
            files,
            plan.Data.Tokenizer,
            plan.Data.Characters,
            plan.Data.Description,
            plan.Data.Vocabulary,
            plan.Data.TokenizerFiles,
            plan.Data.Targets,
            Cluster.ModelHash.Of(plan.Partition.Model),
            resumed,
            plan.Warnings,
            [.. plan.Faults.Select(fault => fault.ToString())],
            plan.Branches,
            plan.PassedOver);
    }

    /// <summary>The data's files.</summary>
    /// <exception cref="BadInputException">The list is damaged.</exception>
    public IReadOnlyList<DataFile> ListFiles() => files ??= Expand<IReadOnlyList<DataFile>>(Files);

    /// <param name="architectures">That are known here.</param>
    /// <returns>Without samples.</returns>
    /// <exception cref="BadInputException">The model is not here, or not the same.</exception>
    public RunPlan Open(IReadOnlyList<IArchitecture> architectures)
    {
        var architecture = architectures.FirstOrDefault(known => known.Name == Architecture)
            ?? throw new BadInputException(
                $"there is no architecture {Architecture} here; there are {string.Join(", ", architectures.Select(known => known.Name))}.");
        var settings = architectures.ToDictionary(known => known.Name, known => known.Settings, StringComparer.Ordinal);
        var job = JobFileReader.Parse(Job, "the submitted job", [], settings);
        var resumed = Resumed is null ? null : Expand<ResumedFrom>(Resumed);
        var model = architecture.Define(job.Model, Vocabulary).At(resumed?.Step ?? 0);
        if (Cluster.ModelHash.Of(model) != ModelHash)
        {
            throw new BadInputException($"the architecture {Architecture} makes other layers or parameters here than where the job was submitted.");
        }

        var schedule = CustomSchedule.Parse(Schedule, Rows, "the submitted schedule");
        return new(
            new(job, schedule, new(model, LayerSplit.Listed(model.Layers.Count, job.Parallel.Split)), null),
            new(Directory),
            new(Folder, ListFiles(), Tokenizer, Characters, Data, Vocabulary, TokenizerFiles, Targets),
            Warnings,
            "")
        {
            Resumed = resumed,
            Faults = [.. Faults.Select(Fault.Parse)],
            Branches = Branches,
            PassedOver = PassedOver,
        };
    }

    internal static byte[] Compress<T>(T value)
    {
        using var packed = new MemoryStream();
        using (var packing = new BrotliStream(packed, CompressionLevel.Fastest))
        {
            JsonSerializer.Serialize(packing, value);
        }

        return packed.ToArray();
    }

    private static T Expand<T>(byte[] packed)
    {
        try
        {
            using var unpacking = new BrotliStream(new MemoryStream(packed), CompressionMode.Decompress);
            var text = new byte[MostText];
            var length = unpacking.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            return JsonSerializer.Deserialize<T>(text.AsSpan(0, length)) ?? throw new JsonException("it is null");
        }
        catch (Exception damage) when (damage is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new BadInputException($"a part of the submitted run cannot be read: {damage.Message}", damage);
        }
    }
}
