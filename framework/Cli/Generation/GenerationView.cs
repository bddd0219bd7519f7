using System.Text;
using Pipeline.Runtime.Generation;

namespace Pipeline.Cli.Generation;

/// <summary>Prints one prompt's text as it comes, and those of several each with its prompt when it has ended; nothing where all goes into one
/// JSON object.</summary>
internal sealed class GenerationView(IReadOnlyList<Prompt> prompts, bool json, TextWriter output) : IGenerationObserver
{
    private readonly StringBuilder[] texts = [.. prompts.Select(_ => new StringBuilder())];

    /// <summary>What has been written behind a prompt, up to its last complete character.</summary>
    public string Text(int prompt) => texts[prompt].ToString();

    public void Token(int prompt, long token) => Write(prompt, prompts[prompt].Add(token));

    public void Ended(int prompt, Generated text)
    {
        Write(prompt, prompts[prompt].Rest());
        if (prompts.Count > 1 && !json)
        {
            output.WriteLine($"--- prompt {prompt + 1}");
            output.WriteLine(prompts[prompt].Text + texts[prompt]);
            output.Flush();
        }
    }

    private void Write(int prompt, string text)
    {
        texts[prompt].Append(text);
        if (prompts.Count == 1 && !json)
        {
            output.Write(text);
            output.Flush();
        }
    }
}
