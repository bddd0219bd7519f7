using System.Text;
using Pipeline.Stages.LanguageModels;
using Pipeline.Core;
using Pipeline.Runtime.Evaluation;
using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Stages;
using Pipeline.Runtime.Tests.Runs;
using Pipeline.Stages;
using Pipeline.Tests;
using static TorchSharp.torch;

namespace Pipeline.Runtime.Tests.Evaluation;

[Collection(nameof(Alone))]
public sealed class EvaluationRunTests : IDisposable
{
    private readonly TestRun run = new();

    public void Dispose() => run.Dispose();

    [Theory]
    [InlineData("parallel={stages=2}")]
    [InlineData("parallel={stages=2,schedule=zb-v,replicas=2}")]
    [InlineData("parallel={stages=3,recompute=stage},precision.compute=bfloat16")]
    public async Task The_loss_is_that_of_the_training_to_the_last_bit(string layout)
    {
        await run.RunAsync([.. layout.Split("},").Select((part, i) => i == 0 ? part.TrimEnd('}') + "}" : part), "evaluation={every=5,batches=4}"]);
        var before = Alone.LiveTensors();
        var expected = run.Steps[^1].ValidationLoss;
        Assert.NotNull(expected);
        foreach (var stages in new int?[] { null, 1, 4 })
        {
            var result = await EvaluateAsync(null, stages, null);
            Assert.Equal(expected, result.Loss);
            Assert.Equal((4L * 12 * 16, 4), (result.Tokens, result.Batches));
            Assert.Equal(Math.Exp(result.Loss), result.Perplexity);
            Assert.Equal(result.Loss / Math.Log(2), result.BitsPerByte!.Value, 1e-12);   // ASCII: a character is a byte
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    /// <summary>The whole of other files, with the ids of the model's own characters.</summary>
    [Fact]
    public async Task Other_files_are_evaluated_whole()
    {
        await run.RunAsync();
        using var folder = new TemporaryFolder();
        var text = string.Concat(Enumerable.Repeat("11 ist 7 ", 6));
        File.WriteAllText(folder.File("other.txt"), text[..17]);   // one window: every sequence of a batch is it
        var result = await EvaluateAsync([folder.File("other.txt")], 2, 1);

        var model = Open();
        using var scope = NewDisposeScope();
        using var stage = new GenerationStage(model.Plan(1, "cpu"), 0);
        var tokens = model.Vocabulary.Codec!.Encode(text[..17]).ToArray();
        var logits = stage.Forward(0, 0, tensor(tokens[..16], [1L, 16]));
        var expected = TokenPrediction.Sum(logits, tensor(tokens[1..], [1L, 16])).item<float>() / 16;
        Assert.Equal(expected, result.Loss, 1e-5);

        File.WriteAllText(folder.File("other.txt"), text + "x");
        var problem = await Assert.ThrowsAsync<BadInputException>(() => EvaluateAsync([folder.File("other.txt")], 2, 1));
        Assert.Equal($"data.files: the text has the character U+0078, which is not one of the {model.Vocabulary.Count} that the model was trained on.", problem.Message);
    }

    [Fact]
    public async Task Bits_per_byte_count_the_bytes_of_characters()
    {
        using var wide = new TestRun(string.Concat(Enumerable.Repeat("äöüß", 500)));
        await wide.RunAsync("evaluation={every=12,batches=1}");
        using var evaluation = new EvaluationRun(TrainedModel.Open(wide.Directory, Families.All, Assert.Fail), null, null, null, null);
        var result = await evaluation.RunAsync(TestContext.Current.CancellationToken);
        Assert.Equal(result.Loss / Math.Log(2) / 2, result.BitsPerByte!.Value, 1e-12);
        Assert.Equal(2, Encoding.UTF8.GetByteCount("ä"));
    }

    [Fact]
    public async Task Data_that_have_changed_are_refused()
    {
        await run.RunAsync();
        File.AppendAllText(run.DataFile, "more");
        var problem = await Assert.ThrowsAsync<BadInputException>(() => EvaluateAsync(null, null, null));
        Assert.Equal($"data.files: {run.DataFile} is not the file that the run has: its content differs.", problem.Message);
    }

    [Fact]
    public async Task A_stage_without_its_parameters_ends_the_evaluation_with_one_sentence()
    {
        await run.RunAsync("job.steps=1");
        var model = Open();
        using var evaluation = new EvaluationRun(model, null, 2, null, 1);
        File.Delete(Path.Combine(model.Checkpoint.Directory, model.Checkpoint.Manifest.Shards[0].File));
        var failure = await Assert.ThrowsAsync<StageException>(() => evaluation.RunAsync(TestContext.Current.CancellationToken));
        Assert.Matches("^Stage [01] failed while starting: .+[^.]\\.$", failure.Message);
    }

    [Fact]
    public async Task A_run_directory_and_a_checkpoints_folder_name_the_same_model_and_damage_is_passed_over()
    {
        await run.RunAsync("checkpoint={every=6,keep=5}");
        Assert.Equal(12, Open().Checkpoint.Manifest.Step);
        var folder = Open().Checkpoint.Directory;
        Assert.Equal(folder, TrainedModel.Open(folder, Families.All, Assert.Fail).Checkpoint.Directory);
        File.Delete(Path.Combine(folder, "stage-0.safetensors"));
        var damages = new List<string>();
        Assert.Equal(6, TrainedModel.Open(run.Directory, Families.All, damages.Add).Checkpoint.Manifest.Step);
        Assert.Single(damages);
    }

    private TrainedModel Open() => TrainedModel.Open(run.Directory, Families.All, Assert.Fail);

    private async Task<EvaluationResult> EvaluateAsync(string[]? files, int? stages, int? batches)
    {
        using var evaluation = new EvaluationRun(Open(), files, stages, null, batches);
        return await evaluation.RunAsync(TestContext.Current.CancellationToken);
    }
}
