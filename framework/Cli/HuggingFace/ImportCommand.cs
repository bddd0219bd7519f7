using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;
using Pipeline.Tensors.Loading;

namespace Pipeline.Cli.HuggingFace;

/// <summary><c>pipeline import DIRECTORY</c>: a model in Hugging Face's files becomes a run that can be continued.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIRECTORY") { Description = "A model's folder: config.json and its weights as safetensors." };
        var output = new Option<string?>("--output") { Description = "The run directory to make; runs/ and the folder's name without it." };
        var precision = new Option<string>("--precision") { Description = "The type of the parameters: float32 or bfloat16.", DefaultValueFactory = _ => "float32" };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("import", "Make a run of a Hugging Face model, to train, evaluate, generate with or export.") { directory, output, precision, json };
        command.SetAction(parsed =>
        {
            var (folder, type) = (parsed.GetRequiredValue(directory), parsed.GetRequiredValue(precision));
            if (type is not ("float32" or "bfloat16"))
            {
                throw new BadInputException($"--precision must be float32 or bfloat16, not {type}.");
            }

            LibTorch.Load();
            using var model = new HuggingFaceModel(folder, Families.All);
            var target = parsed.GetValue(output) ?? Path.Combine("runs", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
            var imported = HuggingFaceImport.Run(model, target, type);
            parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json) ? JsonOutput.Of(imported) : Text(imported));
            return ExitCode.Done;
        });
        return command;
    }

    private static string Text(ImportedModel imported) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        {imported.Architecture}: {imported.Parameters:N0} parameters from {imported.Tensors} tensors, in {imported.Precision}.
        Checkpoint: {imported.Checkpoint}
        To train it further, take the model section of {Path.Combine(imported.Directory, "job.hocon")} into a job file with job.directory = {imported.Directory}, and train with --resume.

        """);
}
