using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Generation;

namespace Pipeline.Cli.Generation;

/// <summary>The prompts of a command line, in the order of texts, files, ids.</summary>
internal sealed class Prompts
{
    private readonly Option<string[]> texts = new("--prompt") { Description = "A text to go on from. May be given several times." };
    private readonly Option<string[]> files = new("--prompt-file") { Description = "A file whose whole text is a prompt. May be given several times." };
    private readonly Option<string[]> ids = new("--prompt-ids") { Description = "A prompt as token ids: --prompt-ids 1,2,3. May be given several times." };

    public Prompts(Command command)
    {
        command.Add(texts);
        command.Add(files);
        command.Add(ids);
    }

    /// <exception cref="BadInputException">There is none, one is empty, or the model has no tokens for it.</exception>
    public IReadOnlyList<Prompt> Read(ParseResult parsed, TokenVocabulary vocabulary)
    {
        var codec = vocabulary.Codec;
        Prompt[] all =
        [
            .. (parsed.GetValue(texts) ?? []).Select(text => Encode("--prompt", text, vocabulary)),
            .. (parsed.GetValue(files) ?? []).Select(file => Encode($"--prompt-file {file}", Text(file), vocabulary)),
            .. (parsed.GetValue(ids) ?? []).Select(list => new Prompt(codec, Ids(list, vocabulary.Count))),
        ];
        return all.Length > 0 ? all
            : throw new BadInputException("generate: a prompt is missing; give --prompt TEXT, --prompt-file FILE or --prompt-ids 1,2,3.");
    }

    private static Prompt Encode(string option, string text, TokenVocabulary vocabulary)
    {
        if (vocabulary.Codec is not { } codec)
        {
            throw new BadInputException(vocabulary.Problem is { } problem
                ? $"{option}: {problem} The prompt can be given as token ids, with --prompt-ids 1,2,3."
                : $"{option}: the checkpoint has no tokenizer; give the prompt as token ids, with --prompt-ids 1,2,3.");
        }

        if (text.Length == 0)
        {
            throw new BadInputException($"{option}: the prompt is empty; the model needs at least one token to go on from.");
        }

        try
        {
            return new(codec, codec.Encode(text));
        }
        catch (BadInputException strange)
        {
            throw new BadInputException($"{option}: {strange.Message}", strange);
        }
    }

    private static string Text(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"--prompt-file: {failure.Message}", failure);
        }
    }

    private static long[] Ids(string list, int count) =>
    [
        .. list.Split(',', StringSplitOptions.TrimEntries).Select(text =>
            !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? throw new BadInputException($"--prompt-ids must be whole numbers with commas between, such as 1,2,3, not \"{list}\".")
            : id >= count ? throw new BadInputException($"--prompt-ids: {id} is not a token of the model; its tokens are 0 to {count - 1}.")
            : id),
    ];
}
