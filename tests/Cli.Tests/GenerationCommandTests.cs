using System.Globalization;
using System.Text.Json;
using Pipeline.Cli.Generation;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>A model that a real run has left behind, used.</summary>
public sealed class GenerationCommandTests(GenerationCommandTests.Trained trained) : IClassFixture<GenerationCommandTests.Trained>
{
    [Fact]
    public void One_prompts_text_alone_is_on_standard_output()
    {
        var (code, output, errors) = Run("generate run --prompt 12 --tokens 14 --temperature 0.5");
        Assert.Equal(0, code);
        Assert.Equal(14 + 1, output.Length);
        Assert.All(output, character => Assert.Contains(character, "0123456789 \n"));
        Assert.Matches(@"^14 tokens in .+ on 2 stages, .+ tokens/s; first token of a prompt after .+, each further one .+\.\n$", errors);
        Assert.Equal(output, Run("generate run/checkpoints/step-00000030 --prompt 12 --tokens 14 --temperature 0.5 --stages 1").Output);
        Assert.NotEqual(output, Run("generate run --prompt 12 --tokens 14 --temperature 0.5 --seed 2").Output);
    }

    [Fact]
    public void Several_prompts_texts_come_each_with_its_prompt()
    {
        File.WriteAllText(trained.Folder.File("prompt.txt"), "7 8\n");
        var (code, output, _) = Run("generate run --prompt 12 --prompt-file prompt.txt --tokens 5 --temperature 0");
        Assert.Equal(0, code);
        Assert.Contains("--- prompt 1\n12", output, StringComparison.Ordinal);
        Assert.Contains("--- prompt 2\n7 8\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_is_one_object_and_nothing_else()
    {
        var (code, output, errors) = Run("generate run --prompt-ids 49,50 --prompt 5 --tokens 4 --top-k 3 --top-p 0.9 --json");
        Assert.Equal((0, ""), (code, errors));
        using var report = JsonDocument.Parse(output);
        Assert.Equal(30, report.RootElement.GetProperty("step").GetInt32());
        Assert.True(report.RootElement.GetProperty("tokens_per_second").GetDouble() > 0);
        var given = report.RootElement.GetProperty("prompts")[1];   // texts come before ids
        Assert.Equal("12", given.GetProperty("prompt").GetString());
        var ids = given.GetProperty("ids").EnumerateArray().Select(id => (char)id.GetInt32()).ToArray();
        Assert.Equal(4, ids.Length);
        Assert.Equal(new string(ids), given.GetProperty("text").GetString());
        Assert.Equal("length", given.GetProperty("end").GetString());
        Assert.True(given.GetProperty("prefill_seconds").GetDouble() > 0 && given.GetProperty("step_seconds").GetDouble() > 0);
    }

    [Fact]
    public void A_text_that_reaches_the_end_of_the_positions_says_so()
    {
        var (code, output, errors) = Run("generate run --prompt 12 --tokens 100");
        Assert.Equal((0, 15 + 1), (code, output.Length));
        Assert.EndsWith("Stopped where the model's 16 learned positions end.\n", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interrupt_ends_it_with_what_has_been_written()
    {
        var prompts = Enumerable.Range(0, 3000).SelectMany(number => new[] { "--prompt", $"{number}" });
        using var command = Command.Start(trained.Folder.Path, ["generate", "run", "--tokens", "14", .. prompts]);
        command.WaitFor("--- prompt 1");
        command.Signal("INT");
        var (code, _, errors) = command.Finish();
        Assert.Equal(130, code);
        Assert.EndsWith(" Interrupted.\n", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluate_says_what_training_said()
    {
        var (code, output, errors) = Run("evaluate run --json --stages 1");
        Assert.Equal((0, ""), (code, errors));
        using var report = JsonDocument.Parse(output);
        using var metrics = JsonDocument.Parse(File.ReadLines(trained.Folder.File("run/metrics.jsonl")).Last());
        var loss = metrics.RootElement.GetProperty("validation_loss").GetDouble();
        Assert.Equal(loss, report.RootElement.GetProperty("loss").GetDouble());
        Assert.Equal(2 * 12 * 16, report.RootElement.GetProperty("tokens").GetInt32());

        var line = Run("evaluate run --batches 2").Output;
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"Loss {loss:F4} nats a token, perplexity "), line, StringComparison.Ordinal);
        Assert.Contains(" bits a byte, over 384 tokens, ", line, StringComparison.Ordinal);
        Assert.NotEqual(line, Run("evaluate run --data text.txt").Output);
    }

    [Theory]
    [InlineData(1.5, null, null, 4.5, "Loss 1.5000 nats a token, perplexity 4.50, over 1,000 tokens, ")]
    [InlineData(1.5, 0.5, null, null, "Loss 1.5000, accuracy 50.0%, over 1,000 tokens, ")]
    [InlineData(1.5, null, 1.25, null, "Loss 1.5, RMSE 1.25, over 1,000 numbers, ")]
    public void Nats_and_perplexity_are_said_where_they_mean_something(double loss, double? accuracy, double? rmse, double? perplexity, string line) =>
        Assert.StartsWith(line, EvaluateCommand.Line(new(new(loss, accuracy, null, rmse), 1000, 1, perplexity, null), 1), StringComparison.Ordinal);

    [Theory]
    [InlineData("generate", "generate: Required argument 'CHECKPOINT' missing for command: 'generate'.")]
    [InlineData("generate run", "generate: a prompt is missing; give --prompt TEXT, --prompt-file FILE or --prompt-ids 1,2,3.")]
    [InlineData("generate nothing --prompt a", "nothing: there is no such folder; name a checkpoint's folder or a run directory.")]
    [InlineData("generate . --prompt a", ". has no whole checkpoint: neither manifest.json nor folders such as checkpoints/step-00000100.")]
    [InlineData("generate run --prompt ''", "--prompt: the prompt is empty; the model needs at least one token to go on from.")]
    [InlineData("generate run --prompt 123456789012345678", "The prompt has 18 tokens; the model has learned positions for 16 and cannot read more.")]
    [InlineData("generate chars --prompt 1x", "--prompt: The character U+0078 (x) is not one of the 11 characters that the model was trained on.")]
    [InlineData("generate run --prompt 1 --temperature -1", "--temperature must be a number of at least 0, not -1.")]
    [InlineData("generate run --prompt 1 --top-p 2", "--top-p must be greater than 0 and at most 1, not 2.")]
    [InlineData("generate run --prompt 1 --top-k 0", "--top-k must be a whole number of at least 1, not 0.")]
    [InlineData("generate run --prompt 1 --tokens 0", "--tokens must be a whole number of at least 1, not 0.")]
    [InlineData("generate run --prompt 1 --stages 3", "--stages must be from 1 to 2, the number of the model's layers, not 3.")]
    [InlineData("generate run --prompt 1 --device tpu", "--device must be cpu, cuda, or cuda:N such as cuda:0, not \"tpu\".")]
    [InlineData("generate run --prompt-ids 1,x", "--prompt-ids must be whole numbers with commas between, such as 1,2,3, not \"1,x\".")]
    [InlineData("generate run --prompt-ids 1,256", "--prompt-ids: 256 is not a token of the model; its tokens are 0 to 255.")]
    [InlineData("evaluate run --batches 0", "--batches must be from 1 to 100000, not 0.")]
    [InlineData("evaluate run --data nothing.txt", "data.files: there is no file $/nothing.txt.")]
    public void Bad_input_gets_one_plain_sentence(string line, string sentence)
    {
        var (code, output, errors) = Run(line);
        Assert.Equal(sentence.Replace("$", trained.Folder.Path, StringComparison.Ordinal) + "\n", errors);
        Assert.Equal((2, ""), (code, output));
    }

    private (int ExitCode, string Output, string Errors) Run(string line) => Command.Run(trained.Folder.Path, line.Split(' ').Select(word => word == "''" ? "" : word));

    /// <summary>Two small models: of bytes in <c>run</c>, of characters in <c>chars</c>.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained()
        {
            File.WriteAllText(Folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
            File.WriteAllText(Folder.File("job.hocon"), """
                job   { name = small, steps = 30, directory = run }
                model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
                data  { files = text.txt }
                parallel { stages = 2 }
                optimizer { warmup-steps = 5, learning-rate = 3e-2 }
                evaluation { every = 30, batches = 2 }
                """);
            Assert.Equal(0, Command.Run(Folder.Path, "train", "job.hocon").ExitCode);
            Assert.Equal(0, Command.Run(
                Folder.Path, "train", "job.hocon", "--set", "job.steps=1", "--set", "job.directory=chars", "--set", "data.tokenizer=chars").ExitCode);
        }

        internal TemporaryFolder Folder { get; } = new();

        public void Dispose() => Folder.Dispose();
    }
}
