using Pipeline.Runtime.Generation;
using Pipeline.Runtime.Tests.HuggingFace;
using Pipeline.Stages;

namespace Pipeline.Runtime.Tests.Generation;

public sealed class TokenVocabularyTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_model_whose_tokenizer_is_not_read_here_still_takes_ids()
    {
        File.WriteAllText(folder.FileOf("tokenizer.json"), "{}");
        folder.Import();
        var vocabulary = TrainedModel.Open(folder.Run, Families.All, Assert.Fail).Vocabulary;
        Assert.Equal((32, null, null), (vocabulary.Count, vocabulary.Codec, vocabulary.Tokenizer));
        Assert.Contains("tokenizer.json", vocabulary.Problem, StringComparison.Ordinal);
    }
}
