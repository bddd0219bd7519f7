using System.CommandLine;
using System.Globalization;
using Pipeline.Core.Data;
using Pipeline.Core.Jobs;

namespace Pipeline.Cli.Data;

/// <summary><c>pipeline tokenize FILES</c>: text, JSON lines and Parquet as one token file.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("FILES") { Description = "Paths and patterns (*, **) of text, .jsonl, .jsonl.gz and .parquet files.", Arity = ArgumentArity.OneOrMore };
        var tokenizer = new Option<string>("--tokenizer") { Description = "A tokenizer file, or a folder with one.", Required = true };
        var output = new Option<string>("--output") { Description = "The file to write, which ends with .tokens.", Required = true };
        var field = new Option<string>("--text-field") { Description = "The key of a JSON line, or the column of a Parquet file, with the text.", DefaultValueFactory = _ => "text" };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("tokenize", "Make a token file, which data.files can name, of text, JSON lines and Parquet.") { files, tokenizer, output, field, json };
        command.SetAction(parsed =>
        {
            var made = TokenFileMaking.Make(
                new TextDataSettings(parsed.GetRequiredValue(files), parsed.GetRequiredValue(tokenizer), TextField: parsed.GetRequiredValue(field)),
                Directory.GetCurrentDirectory(),
                parsed.GetRequiredValue(output));
            parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json) ? JsonOutput.Of(made) : Describe(made));
            return ExitCode.Done;
        });
        return command;
    }

    private static string Describe(TokenFileMaking made) => string.Create(
        CultureInfo.InvariantCulture,
        $"{made.Output}: {made.Tokens:N0} tokens of {made.TokenBytes} bytes, {made.Documents:N0} documents, {made.Files:N0} files; vocabulary {made.Vocabulary:N0}\n");
}
