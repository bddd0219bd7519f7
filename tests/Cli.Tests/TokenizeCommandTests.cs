using System.Text.Json;
using Pipeline.Core.Tests.Data.Tokenizers;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

public sealed class TokenizeCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TokenizeCommandTests()
    {
        File.WriteAllText(folder.File("tokenizer.json"), TinyTokenizer.Json());
        File.WriteAllText(folder.File("a.txt"), "hello");
        File.WriteAllText(folder.File("b.jsonl"), "{\"body\":\"lll\"}\n");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Files_become_one_token_file_that_a_job_can_name()
    {
        var (code, output, errors) = Command.Run(
            folder.Path, "tokenize", "*.txt", "b.jsonl", "--tokenizer", ".", "--output", "all.tokens", "--text-field", "body", "--json");
        Assert.Equal((0, ""), (code, errors));
        var made = JsonDocument.Parse(output).RootElement;
        Assert.Equal((5, 2, 2), (made.GetProperty("tokens").GetInt32(), made.GetProperty("documents").GetInt32(), made.GetProperty("files").GetInt32()));
        Assert.Equal(64 + 10 + 6 + 16, new FileInfo(folder.File("all.tokens")).Length);
        Assert.Equal(3, Directory.GetFiles(folder.Path).Length - 1); // Nothing else is left.
    }

    [Fact]
    public void What_is_wrong_is_said_in_a_sentence()
    {
        var (code, output, errors) = Command.Run(folder.Path, "tokenize", "b.jsonl", "--tokenizer", ".", "--output", "all.tokens");
        Assert.Equal((2, ""), (code, output));
        Assert.Equal(
            $"{folder.File("b.jsonl")}, line 1: the line has no field text; each line must be a JSON object with text in the field that data.text-field names, which is text.\n",
            errors);
        Assert.False(File.Exists(folder.File("all.tokens")));
    }
}
