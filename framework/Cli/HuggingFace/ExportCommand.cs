using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;
using Pipeline.Tensors.Loading;

namespace Pipeline.Cli.HuggingFace;

/// <summary><c>pipeline export CHECKPOINT DIRECTORY</c>: a trained model becomes Hugging Face's files.</summary>
internal static class ExportCommand
{
    private const string Sizes = "a size such as 500MB, 5GB or 4GiB";

    private const long DefaultShard = 5_000_000_000;

    public static Command Create()
    {
        var checkpoint = new Argument<string>("CHECKPOINT") { Description = "A checkpoint's folder, or a run directory for its newest." };
        var directory = new Argument<string>("DIRECTORY") { Description = "The folder to write config.json, weights and tokenizer to." };
        var shard = new Option<long?>("--shard-size")
        {
            Description = "Larger weights go into several files with an index; 5GB without it.",
            CustomParser = result => Size(result),
        };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace a model that is in the folder." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("export", "Write a checkpoint's model as a Hugging Face model.") { checkpoint, directory, shard, overwrite, json };
        command.SetAction(parsed =>
        {
            LibTorch.Load();
            var exported = new HuggingFaceExport(
                    parsed.GetRequiredValue(checkpoint), Families.All, damage => Console.Error.WriteLine($"A checkpoint was passed over: {damage}"))
                .Write(parsed.GetRequiredValue(directory), parsed.GetValue(shard) ?? DefaultShard, parsed.GetValue(overwrite));
            parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json) ? JsonOutput.Of(exported) : Text(exported));
            return ExitCode.Done;
        });
        return command;
    }

    private static string Text(ExportedModel exported) => string.Create(
        CultureInfo.InvariantCulture,
        $"{exported.Architecture}: {exported.Parameters:N0} parameters of step {exported.Step} in {exported.Directory} ({string.Join(", ", exported.Files.Concat(exported.Tokenizer))}).\n");

    /// <summary>Units of 1000 as Hugging Face counts, or of 1024 as job files do.</summary>
    private static long Size(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var power = Array.FindIndex(["KB", "MB", "GB", "TB"], unit => text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)) + 1;
        if (power > 0
            && double.TryParse(text.AsSpan(0, text.Length - 2), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * Math.Pow(1000, power) is >= 1 and < 9e18 and var bytes)
        {
            return (long)bytes;
        }

        if (ByteSize.Parse(text) is { } parsed)
        {
            return parsed;
        }

        result.AddError($"--shard-size must be {Sizes}, not \"{text}\".");
        return 0;
    }
}
