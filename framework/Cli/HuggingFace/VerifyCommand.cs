using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Pipeline.Runtime.HuggingFace;
using Pipeline.Stages;
using Pipeline.Tensors.Loading;

namespace Pipeline.Cli.HuggingFace;

/// <summary><c>pipeline verify DIRECTORY</c>: does a model compute here what it computes in Hugging Face's code?</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIRECTORY")
        {
            Description = "A model's folder with what Hugging Face's model computed: io.safetensors (input_ids, logits, loss) and grads.safetensors.",
        };
        var stages = new Option<int>("--stages") { Description = "Cut the layers over this many stages.", DefaultValueFactory = _ => 1, CustomParser = Number };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("verify", "Compare a Hugging Face model's logits, loss and gradients with what its stages compute here.") { directory, stages, json };
        command.SetAction(parsed =>
        {
            LibTorch.Load();
            using var model = new HuggingFaceModel(parsed.GetRequiredValue(directory), Families.All);
            var verified = HuggingFaceVerification.Run(model, parsed.GetValue(stages));
            parsed.InvocationConfiguration.Output.Write(parsed.GetValue(json) ? JsonOutput.Of(verified) : Text(verified));
            if (verified.Equal)
            {
                return ExitCode.Done;
            }

            Console.Error.WriteLine(Failure(verified));
            return ExitCode.Failed;
        });
        return command;
    }

    private static string Text(VerifiedModel verified) => $"""
        {verified.Architecture} on {verified.Stages} {(verified.Stages == 1 ? "stage" : "stages")}, against Hugging Face:
        logits     {Number(verified.Logits)} of the largest (allowed {Number(VerifiedModel.LogitsTolerance)})
        loss       {Number(verified.Loss)} (allowed {Number(VerifiedModel.LossTolerance)})
        gradients  {Number(verified.Gradients)} of the largest of {verified.WorstParameter} (allowed {Number(VerifiedModel.GradientsTolerance)})

        """;

    private static string Failure(VerifiedModel verified)
    {
        var (what, by, most) = !(verified.Logits <= VerifiedModel.LogitsTolerance) ? ("The logits differ", verified.Logits, VerifiedModel.LogitsTolerance)
            : !(verified.Loss <= VerifiedModel.LossTolerance) ? ("The loss differs", verified.Loss, VerifiedModel.LossTolerance)
            : ($"The gradient of {verified.WorstParameter} differs", verified.Gradients, VerifiedModel.GradientsTolerance);
        return $"{what} from Hugging Face's by {Number(by)}; allowed is {Number(most)}.";
    }

    private static string Number(double? value) => value is { } number
        ? number == 0 ? "0" : number.ToString("0.0e-0", CultureInfo.InvariantCulture)
        : "something that is no number";

    private static int Number(ArgumentResult result)
    {
        if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        result.AddError($"--stages must be a whole number, not \"{result.Tokens[0].Value}\".");
        return 0;
    }
}
