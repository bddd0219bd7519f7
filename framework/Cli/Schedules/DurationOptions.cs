using System.CommandLine;
using Pipeline.Core;
using Pipeline.Core.Schedules;

namespace Pipeline.Cli.Schedules;

/// <summary>What <c>pipeline simulate</c> and <c>pipeline bench schedule</c> take alike: how long actions take.</summary>
internal sealed class DurationOptions
{
    private readonly Option<string> forward = Duration("--forward", "Forward of one micro-batch on one stage: 12ms, or a list with one for each stage or each chunk.");
    private readonly Option<string> input = Duration("--backward-input", "The gradient of a stage's input, likewise.");
    private readonly Option<string> weight = Duration("--backward-weight", "The gradients of a stage's weights, likewise; a whole backward takes both.");
    private readonly Option<string> optimizer = Duration("--optimizer", "The optimizer step after all stages have ended, or a list with one for each.");
    private readonly Option<string> transfer = Duration("--transfer", "Latency of a hand-over between two stages; 0 by default.");
    private readonly bool hasTransfer;

    /// <param name="transfers">Whether hand-overs have a latency of their own.</param>
    public DurationOptions(Command command, bool transfers)
    {
        hasTransfer = transfers;
        forward.Required = input.Required = weight.Required = true;
        foreach (var option in transfers ? new[] { forward, input, weight, transfer, optimizer } : [forward, input, weight, optimizer])
        {
            command.Add(option);
        }
    }

    /// <exception cref="BadInputException">Something is not a duration, or units are mixed.</exception>
    public GivenDurations Read(ParseResult parsed)
    {
        var between = hasTransfer ? Read(transfer) : Durations.Parse(transfer.Name, "0");
        var given = new GivenDurations(Read(forward), Read(input), Read(weight), between, parsed.GetValue(optimizer) is null ? null : Read(optimizer));
        return given.Transfer.Values.Count == 1 ? given : throw new BadInputException("--transfer must be one duration, not a list.");

        Durations Read(Option<string> option) => Durations.Parse(option.Name, parsed.GetValue(option) ?? "0");
    }

    private static Option<string> Duration(string name, string description) => new(name) { Description = description };
}

/// <summary>Durations as given, before it is known which schedule they are for.</summary>
/// <param name="Optimizer">Null: none, and no barrier.</param>
internal sealed record GivenDurations(Durations Forward, Durations InputGradient, Durations WeightGradient, Durations Transfer, Durations? Optimizer)
{
    /// <summary>They are seconds; otherwise in a unit of the user's own.</summary>
    public bool HaveUnit => Durations.HaveUnit([Forward, InputGradient, WeightGradient, Transfer, .. Optimizer is null ? Array.Empty<Durations>() : [Optimizer]]);

    /// <summary>Entries of the longest list.</summary>
    public int Longest => new[] { Forward, InputGradient, WeightGradient }.Max(durations => durations.Values.Count);

    public ActionTimes For(Schedule schedule) => ActionTimes.FromLists(
        schedule, Forward.Values, InputGradient.Values, WeightGradient.Values, Transfer.Values[0], Optimizer?.Values);
}
