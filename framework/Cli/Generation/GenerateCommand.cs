using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Pipeline.Cli.Training;
using Pipeline.Core;
using Pipeline.Runtime.Generation;

namespace Pipeline.Cli.Generation;

/// <summary><c>pipeline generate CHECKPOINT</c>: text from a trained model.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var command = new Command("generate", "Write text with a trained model, its layers cut over stages.");
        var (model, prompts) = (new ModelArguments(command), new Prompts(command));
        var tokens = new Option<int>("--tokens") { Description = "The most tokens to write behind each prompt.", DefaultValueFactory = _ => 200 };
        var temperature = new Option<double>("--temperature")
        {
            Description = "Divides the logits: less is more predictable, 0 takes the most likely token always.",
            DefaultValueFactory = _ => 1,
        };
        var topK = new Option<int?>("--top-k") { Description = "Choose from the so many most likely tokens only." };
        var topP = new Option<double?>("--top-p") { Description = "Choose from the fewest most likely tokens whose probabilities add up to this only." };
        var seed = new Option<long>("--seed") { Description = "Another seed writes another text.", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "Print one JSON object, and nothing else on standard output." };
        foreach (var option in new Option[] { tokens, temperature, topK, topP, seed, json })
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, _) =>
        {
            var sampling = new Sampling(parsed.GetValue(temperature), parsed.GetValue(topK), parsed.GetValue(topP), parsed.GetValue(seed));
            if (sampling.Problem() is { } problem)
            {
                throw new BadInputException(problem);
            }

            if (parsed.GetValue(tokens) < 1)
            {
                throw new BadInputException($"--tokens must be a whole number of at least 1, not {parsed.GetValue(tokens)}.");
            }

            var device = model.Device(parsed);
            var trained = model.Open(parsed);
            var plan = trained.Plan(model.Stages(parsed), device);
            return await RunAsync(
                trained, plan, prompts.Read(parsed, plan.Vocabulary), parsed.GetValue(tokens), sampling, parsed.GetValue(json),
                parsed.InvocationConfiguration.Output);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        TrainedModel trained, GenerationPlan plan, IReadOnlyList<Prompt> prompts, int tokens, Sampling sampling, bool json, TextWriter output)
    {
        using var signals = new StopSignals();
        var view = new GenerationView(prompts, json, output);
        var result = await GenerationRun.RunAsync(plan, [.. prompts.Select(prompt => prompt.Ids)], tokens, sampling, view, signals.Stop);
        foreach (var (index, text) in result.Texts.Index().Where(entry => entry.Item.End == GenerationEnd.Interrupted))
        {
            view.Ended(index, text);
        }

        if (json)
        {
            output.Write(JsonOutput.Of(Report(trained, plan, prompts, result, view)));
        }
        else
        {
            output.Write(prompts.Count == 1 ? "\n" : "");
            Console.Error.WriteLine(Summary(plan, result));
        }

        return result.Texts.Any(text => text.End == GenerationEnd.Interrupted) ? ExitCode.Interrupted : ExitCode.Done;
    }

    private static object Report(
        TrainedModel trained, GenerationPlan plan, IReadOnlyList<Prompt> prompts, GenerationResult result, GenerationView view) => new
        {
            Checkpoint = trained.Checkpoint.Directory,
            trained.Checkpoint.Manifest.Step,
            plan.Stages,
            result.LoadSeconds,
            result.Seconds,
            TokensPerSecond = TokensPerSecond(result),
            Prompts = result.Texts.Select((text, index) => new
            {
                Prompt = prompts[index].Text,
                Text = view.Text(index),
                PromptIds = prompts[index].Ids,
                Ids = text.Tokens,
                End = JsonNamingPolicy.SnakeCaseLower.ConvertName(text.End.ToString()),
                text.PrefillSeconds,
                StepSeconds = Median(text.StepSeconds),
            }),
        };

    private static string Summary(GenerationPlan plan, GenerationResult result)
    {
        var step = Median([.. result.Texts.SelectMany(text => text.StepSeconds)]);
        var prefill = Median([.. result.Texts.Select(text => text.PrefillSeconds).OfType<double>()]);
        var ends = result.Texts.GroupBy(text => text.End).OrderBy(group => group.Key).Select(group => End(group.Key, plan)).OfType<string>();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Count(result)} tokens in {Quantity.Time(result.Seconds)} on {plan.Stages} {(plan.Stages == 1 ? "stage" : "stages")}, {TokensPerSecond(result):N1} tokens/s")
            + (prefill is { } first ? $"; first token of a prompt after {Quantity.Time(first)}" : "")
            + (step is { } each ? $", each further one {Quantity.Time(each)}" : "")
            + $". {string.Join(' ', ends)}".TrimEnd();
    }

    private static int Count(GenerationResult result) => result.Texts.Sum(text => text.Tokens.Count);

    private static double TokensPerSecond(GenerationResult result) => Count(result) / result.Seconds;

    private static string? End(GenerationEnd end, GenerationPlan plan) => end switch
    {
        GenerationEnd.Context => $"Stopped where the model's {plan.Model.Positions} learned positions end.",
        GenerationEnd.Interrupted => "Interrupted.",
        _ => null,
    };

    private static double? Median(IReadOnlyList<double> values) => values.Count == 0 ? null : values.Order().ElementAt(values.Count / 2);
}
