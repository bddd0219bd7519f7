using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Runtime.Generation;
using Pipeline.Stages;

namespace Pipeline.Cli.Generation;

/// <summary>How commands take a trained model and where it runs.</summary>
internal sealed class ModelArguments
{
    private readonly Argument<string> checkpoint = new("CHECKPOINT") { Description = "A checkpoint's folder, or a run directory, whose newest checkpoint is taken." };
    private readonly Option<int?> stages = new("--stages") { Description = "Cut the layers into so many stages; without it as many as the training had." };
    private readonly Option<string?> device = new("--device") { Description = "cpu, cuda (the stages spread over all GPUs) or cuda:N; the training's without it." };

    public ModelArguments(Command command)
    {
        command.Add(checkpoint);
        command.Add(stages);
        command.Add(device);
    }

    public int? Stages(ParseResult parsed) => parsed.GetValue(stages);

    /// <exception cref="BadInputException">It is no device's name.</exception>
    public string? Device(ParseResult parsed) => parsed.GetValue(device) switch
    {
        null or "cpu" or "cuda" => parsed.GetValue(device),
        var name when name.StartsWith("cuda:", StringComparison.Ordinal) && byte.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _) => name,
        var name => throw new BadInputException($"--device must be cpu, cuda, or cuda:N such as cuda:0, not \"{name}\"."),
    };

    public TrainedModel Open(ParseResult parsed) => TrainedModel.Open(
        parsed.GetRequiredValue(checkpoint), Families.All, damage => Console.Error.WriteLine($"A checkpoint was passed over: {damage}"));
}
