using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

public sealed class PlanCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public PlanCommandTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 4000)));
        File.WriteAllText(folder.File("job.hocon"), """
            model { architecture = gpt2, layers = 4, width = 32, heads = 2, context = 16 }
            data { files = ["text.txt"] }
            batch { sequences = 8, micro-batches = 4 }
            parallel { stages = 2 }
            """);
        // Whole milliseconds, so that predictions can be worked out: a block takes 4, 5 and 3, all else nothing.
        var blocks = Enumerable.Range(0, 4).Select(index => Layer($"h.{index}", 0.004, 0.005, 0.003, 1000, 100));
        File.WriteAllText(folder.File("profile.json"), $"[{string.Join(',', [Layer("embedding", 0, 0, 0, 0, 0), .. blocks, Layer("head", 0, 0, 0, 0, 0)])}]");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void From_a_profile_every_schedule_is_predicted()
    {
        var plan = Json("plan", "job.hocon", "--profile", "profile.json", "--json");
        var schedules = plan.GetProperty("schedules").EnumerateArray().ToDictionary(schedule => schedule.GetProperty("name").GetString()!);
        Assert.Equal(12, schedules.Count);
        // (m + p - 1) (F + B) of two blocks each; and the ideal of zb-v, whose bubble is what F, I and W differ by.
        Assert.Equal(5 * 0.024, schedules["1f1b"].GetProperty("step_seconds").GetDouble(), 1e-3);
        Assert.Equal([2, 1], schedules["1f1b"].GetProperty("peak_activations").EnumerateArray().Select(peak => peak.GetDouble()));
        Assert.Equal([(2 * 4 * 100) + (2 * 2000), (2 * 4 * 100) + 2000], schedules["1f1b"].GetProperty("memory_bytes").EnumerateArray().Select(bytes => bytes.GetInt64()));
        Assert.Equal([2, 2], schedules["1f1b"].GetProperty("split").EnumerateArray().Select(layers => layers.GetInt32()));
        Assert.Equal([1, 1, 1, 1], schedules["zb-v"].GetProperty("split").EnumerateArray().Select(layers => layers.GetInt32()));
        Assert.InRange(schedules["zb-v"].GetProperty("step_seconds").GetDouble(), 4 * 0.024, 4 * 0.024 * 1.1);
        var best = schedules.Values.MinBy(schedule => schedule.GetProperty("step_seconds").GetDouble());
        Assert.Equal(
            best.GetProperty("step_seconds").GetDouble(),
            schedules[plan.GetProperty("recommended").GetString()!].GetProperty("step_seconds").GetDouble(),
            1e-3 * 0.1);
    }

    /// <summary>GPT-2 small has 124,439,808 parameters; a tied head counts once.</summary>
    [Fact]
    public void A_model_is_counted_without_being_made()
    {
        string[] small = ["--set", "model={layers=12,width=768,heads=12,context=1024,vocabulary=50257}"];
        var count = Json(["plan", "job.hocon", "--count", "--json", .. small]);
        Assert.Equal((124_439_808, 50_257), (count.GetProperty("parameters").GetInt64(), count.GetProperty("vocabulary").GetInt32()));
        var layers = count.GetProperty("layers").EnumerateArray().ToArray();
        Assert.Equal(14, layers.Length);
        Assert.Equal(124_439_808, layers.Sum(layer => layer.GetProperty("parameters").GetInt64()));
        Assert.Equal(("h.0", 7_087_872), (layers[1].GetProperty("name").GetString(), layers[1].GetProperty("parameters").GetInt64()));
        Assert.Equal(2 * 768, layers[^1].GetProperty("parameters").GetInt64());
        Assert.Equal(2.0 * 1024 * 768 * 50_257, layers[^1].GetProperty("forward_flops").GetDouble());
        Assert.All(layers, layer => Assert.True(layer.GetProperty("activations").GetDouble() > 0));

        // 175 billion: no machine that tests run on could hold them.
        Assert.Equal(174_604_259_328, Json("plan", "job.hocon", "--count", "--json", "--set", "model={layers=96,width=12288,heads=96,context=2048,vocabulary=50257}").GetProperty("parameters").GetInt64());
        Assert.Contains("7,087,872", Command.Run(folder.Path, ["plan", "job.hocon", "--count", .. small]).Output, StringComparison.Ordinal);
        Assert.Equal(
            "plan: --count measures nothing, so --profile and --save-profile do not go with it.\n",
            Command.Run(folder.Path, "plan", "job.hocon", "--count", "--profile", "profile.json").Errors);
    }

    /// <summary>The sizes that were published, from a job file of their own: no data, and no weights.</summary>
    [Theory]
    [InlineData("mamba, layers=24, width=768, context=2048, vocabulary=50280", 129_135_360)]
    [InlineData("mamba, layers=48, width=2048, context=2048, vocabulary=50280", 1_372_178_432)]
    [InlineData("mamba, layers=64, width=2560, context=2048, vocabulary=50280", 2_768_345_600)]
    [InlineData("mamba2, layers=24, width=768, context=2048, vocabulary=50288", 128_989_632)]
    [InlineData("mamba2, layers=48, width=2048, context=2048, vocabulary=50288", 1_343_757_312)]
    [InlineData("mamba2, layers=64, width=2560, context=2048, vocabulary=50288", 2_702_599_680)]
    [InlineData("llama, layers=32, width=4096, heads=32, inner=11008, context=2048, vocabulary=32000", 6_738_415_616)]
    public void Published_models_have_their_number_of_parameters(string model, long parameters)
    {
        File.WriteAllText(folder.File("published.hocon"), $"model {{ architecture={model} }}\ndata {{ files = [none.txt] }}");
        var count = Json("plan", "published.hocon", "--count", "--json");
        Assert.Equal(parameters, count.GetProperty("parameters").GetInt64());
        Assert.Equal(parameters, count.GetProperty("layers").EnumerateArray().Sum(layer => layer.GetProperty("parameters").GetInt64()));
    }

    [Fact]
    public void A_memory_limit_rules_schedules_out_and_the_search_keeps_to_it()
    {
        // 1f1b's first stage takes 4800 bytes, gpipe's 8800.
        var plan = Json("plan", "job.hocon", "--profile", "profile.json", "--json", "--set", "parallel.memory-limit=5000");
        var schedules = plan.GetProperty("schedules").EnumerateArray().ToDictionary(schedule => schedule.GetProperty("name").GetString()!);
        Assert.Contains("no cut of the layers was found that fits in 5000 a stage", schedules["gpipe"].GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, schedules["1f1b"].GetProperty("problem").ValueKind);
        Assert.All(schedules["automatic"].GetProperty("memory_bytes").EnumerateArray(), bytes => Assert.InRange(bytes.GetInt64(), 0, 5000));
        Assert.InRange(
            schedules["automatic"].GetProperty("bubble").GetDouble(), 0, schedules["1f1b"].GetProperty("bubble").GetDouble());
    }

    [Fact]
    public void What_is_measured_can_be_saved_and_read_back()
    {
        var measured = Json("plan", "job.hocon", "--save-profile", "saved.json", "--json");
        var read = Json("plan", "job.hocon", "--profile", "saved.json", "--json");
        Assert.Equal(measured.GetProperty("layers").GetRawText(), read.GetProperty("layers").GetRawText());
        var block = measured.GetProperty("layers")[1];
        Assert.Equal(4 * (12 * 32 * 32 + 13 * 32), block.GetProperty("parameter_bytes").GetInt64());
        Assert.All(["forward", "input_gradient", "weight_gradient", "optimizer"], time => Assert.True(block.GetProperty(time).GetDouble() > 0, time));
        // Of 32 tokens of width 32 it keeps at least input, queries, keys and values, and the feed-forward's hidden layer.
        Assert.InRange(block.GetProperty("activation_bytes").GetInt64(), 4 * 32 * 32 * 8, 4 * 32 * 32 * 40);
        // The head's weight is tied: it has no optimizer of its own.
        Assert.Equal(4 * 256 * 32, measured.GetProperty("layers")[5].GetProperty("tied_bytes").GetInt64());
    }

    [Fact]
    public void The_text_has_a_table_of_layers_one_of_schedules_and_a_recommendation()
    {
        var (code, output, errors) = Command.Run(folder.Path, "plan", "job.hocon", "--profile", "profile.json");
        Assert.Equal((0, ""), (code, errors));
        Assert.StartsWith("run: gpt2, ", output, StringComparison.Ordinal);
        Assert.Contains("│ h.3       │ 4.00 ms │        5.00 ms │         3.00 ms │", output, StringComparison.Ordinal);
        Assert.Matches(@"Recommended: parallel \{ schedule = [a-z0-9-]+, chunks = [12], split = \[[1-3](, [1-3])*\] \}", output);
    }

    [Theory]
    [InlineData("nothing.json", "{}", "--profile: nothing.json cannot be read as a profile: ")]
    [InlineData("wrong.json", "[null]", "--profile: wrong.json has the layers , and the model has embedding, h.0, ... head (6).")]
    [InlineData("negative.json", "NEGATIVE", "--profile: negative.json, layer h.0: times must be from 0 to 1000000 seconds, and bytes from 0 to 1125899906842624.")]
    public void A_profile_that_does_not_fit_is_refused(string file, string text, string sentence)
    {
        var written = text == "NEGATIVE" ? File.ReadAllText(folder.File("profile.json")).Replace("0.004", "-1", StringComparison.Ordinal) : text;
        File.WriteAllText(folder.File(file), written);
        var (code, output, errors) = Command.Run(folder.Path, "plan", "job.hocon", "--profile", file);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith(sentence, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_told_before_anything_is_measured()
    {
        var (code, _, errors) = Command.Run(folder.Path, "plan", "job.hocon", "--save-profile", "nowhere/p.json");
        Assert.Equal((2, $"--save-profile: there is no folder {folder.File("nowhere")}.\n"), (code, errors));
    }

    private JsonElement Json(params string[] arguments)
    {
        var (code, output, errors) = Command.Run(folder.Path, arguments);
        Assert.Equal((0, ""), (code, errors));
        return JsonDocument.Parse(output).RootElement;
    }

    private static string Layer(string name, double forward, double input, double weight, long activations, long parameters) => JsonSerializer.Serialize(new
    {
        name,
        forward,
        input_gradient = input,
        weight_gradient = weight,
        optimizer = 0.0,
        input_bytes = 0,
        activation_bytes = activations,
        parameter_bytes = parameters,
    });
}
