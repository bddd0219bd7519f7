using Pipeline.Core.Data;
using Pipeline.Core.Jobs;
using Pipeline.Tests;

namespace Pipeline.Core.Tests.Data;

public class TextCodecTests
{
    private const string Text = "Zwölf Boxkämpfer 🥊 jagen\nViktor";

    /// <summary>A prompt gets the ids that the same text has in training.</summary>
    [Theory]
    [InlineData("bytes")]
    [InlineData("chars")]
    public void A_text_has_the_ids_that_training_gives_it(string tokenizer)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text.txt"), Text);
        using var corpus = new Corpus(new TextDataSettings(["text.txt"], tokenizer), folder.Path);
        ITextCodec codec = tokenizer == "bytes" ? new ByteCodec() : new CharacterCodec(corpus.Tokenizer.Characters!);
        var tokens = new long[corpus.Count];
        corpus.Read(0, tokens);
        Assert.Equal(tokens, codec.Encode(Text));
        Assert.Equal(Text, codec.Decode(tokens));
    }

    [Fact]
    public void A_character_that_the_table_lacks_is_named()
    {
        var problem = Assert.Throws<BadInputException>(() => new CharacterCodec("abc").Encode("abé"));
        Assert.Equal("The character U+00E9 (é) is not one of the 3 characters that the model was trained on.", problem.Message);
    }

    [Fact]
    public void What_a_cut_character_leaves_is_shown_as_a_replacement() =>
        Assert.Equal("a\uFFFD", new ByteCodec().Decode([.. new ByteCodec().Encode("aé").Take(2)]));

    /// <summary>With a model's own table other files keep its ids, whichever of its characters they have.</summary>
    [Fact]
    public void A_corpus_can_take_a_models_table()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text.txt"), "cc");
        using (var corpus = new Corpus(new TextDataSettings(["text.txt"], "chars"), folder.Path, "abc"))
        {
            var tokens = new long[2];
            corpus.Read(0, tokens);
            Assert.Equal([2, 2], tokens);
            Assert.Equal(3, corpus.Tokenizer.Vocabulary);
        }

        var problem = Assert.Throws<BadInputException>(() => new Corpus(new TextDataSettings(["text.txt"], "chars"), folder.Path, "ab"));
        Assert.Equal("data.files: the text has the character U+0063, which is not one of the 2 that the model was trained on.", problem.Message);
    }
}
