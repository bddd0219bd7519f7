using Pipeline.Core.Jobs;
using Pipeline.Core.Tests.Configuration;

namespace Pipeline.Core.Tests.Jobs;

public class JobFileBinderTests
{
    private const string Least =
        "{ 'model': { 'architecture': 'tiny', 'layers': 4, 'width': 8, 'context': 8, 'glow': 3 }, 'data': { 'files': ['*.txt'] } }";

    private static readonly Dictionary<string, Type> Architectures = new() { ["tiny"] = typeof(TinySettings) };

    public sealed record TinySettings(string Architecture, int Layers, int Width, int Context, int Glow = 1)
        : ModelSettings(Architecture, Layers, Width, Context);

    [Fact]
    public void The_architecture_decides_which_keys_the_model_has() =>
        Assert.Equal(new TinySettings("tiny", 4, 8, 8, 3), Bind(Least).Model);

    [Fact]
    public void Size_and_data_are_all_that_must_be_given()
    {
        var job = Bind(Least);
        Assert.Equal(new JobSettings(), job.Job);
        Assert.Equal(new BatchSettings(12, 4), job.Batch);
        Assert.Equal(["cpu"], job.Device);
        Assert.Equal(["auto"], job.Parallel.Split);
        Assert.Equal([0.9, 0.99], job.Optimizer.Betas);
    }

    [Theory]
    [InlineData("{ 'parallel': { 'stages': 2, 'split': [1, 3] }, 'device': ['cuda:0', 'cpu'] }")]
    [InlineData("{ 'parallel': { 'stages': 1, 'split': 4 }, 'device': 'cuda' }")]
    [InlineData("{ 'parallel': { 'stages': 4, 'split': 'even', 'schedule': 'gpipe', 'threads-per-stage': 1000 } }")]
    [InlineData("{ 'optimizer': { 'warmup-steps': 5, 'decay-steps': 5, 'learning-rate': 0, 'min-learning-rate': 0 } }")]
    [InlineData("{ 'evaluation': { 'every': 0 }, 'data': { 'validation-fraction': 0 } }")]
    public void What_is_allowed_is_bound(string rest) => Bind(Least, rest);

    [Theory]
    [InlineData("./gpt2")]
    [InlineData("tokenizer.json")]
    [InlineData("../models/gpt2")]
    public void A_tokenizer_may_be_a_path(string path) => Assert.Equal(path, Bind(Least, $"{{ 'data': {{ 'tokenizer': '{path}' }} }}").Data is TextDataSettings text ? text.Tokenizer : null);

    [Theory]
    [InlineData("byts", "; did you mean bytes?")]
    [InlineData("gpt2", ".")]
    public void Another_word_is_no_tokenizer(string word, string end) => Assert.Equal(
        $"x.hocon: data.tokenizer must be bytes, chars, or a path with a dot or a slash in it, not \"{word}\"{end}",
        Assert.Throws<BadInputException>(() => Bind(Least, $"{{ 'data': {{ 'tokenizer': '{word}' }} }}")).Message);

    private static JobFile Bind(params string[] layers) => JobFileBinder.Bind(
        layers.Select(layer => SettingTree.OfJson(layer, "x.hocon")).Aggregate((under, over) => under.Overlay(over)), Architectures);
}
