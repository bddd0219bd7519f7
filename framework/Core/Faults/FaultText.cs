using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Faults;

/// <summary>Faults as text: <c>kill stage=2 step=17 phase=backward</c>.</summary>
internal static class FaultText
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);
    private const double LargestFactor = 1000;

    public static string Of(Fault fault)
    {
        var rules = FaultRules.Of[fault.Kind];
        (string Key, string? Value)[] pairs =
        [
            (FaultRules.Stage, Text(fault.Stage)),
            (FaultRules.Step, Text(fault.Step)),
            (FaultRules.Replica, fault.Replica == 0 ? null : Text(fault.Replica)),
            (FaultRules.Phase, rules.Keys.Contains(FaultRules.Phase) ? FaultRules.WordOf(fault.Phase) : null),
            (FaultRules.MicroBatch, fault.MicroBatch is { } microBatch ? Text(microBatch) : null),
            (FaultRules.For, fault.Duration is { } time ? time.Milliseconds == 0 ? $"{Text(time.TotalSeconds)}s" : $"{Text(time.TotalMilliseconds)}ms" : null),
            (FaultRules.By, fault.Factor is { } factor ? Text(factor) : null),
            (FaultRules.Twice, fault.Twice ? "true" : null),
        ];
        return string.Join(' ', [rules.Word, .. pairs.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}")]);
    }

    public static Fault Parse(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var kinds = FaultRules.Of.ToDictionary(entry => entry.Value.Word, entry => entry.Key, StringComparer.Ordinal);
        if (words.Length == 0 || !kinds.TryGetValue(words[0], out var kind))
        {
            throw Refuse(text, $"it must begin with a kind of fault: {string.Join(", ", kinds.Keys)}{Meant(words.FirstOrDefault() ?? "", kinds.Keys)}");
        }

        var rules = FaultRules.Of[kind];
        var values = Values(text, words[1..], rules);
        var phase = PhaseOf(text, values, rules);
        var microBatch = values.ContainsKey(FaultRules.MicroBatch) ? (int?)Whole(text, values, FaultRules.MicroBatch, 0, int.MaxValue) : null;
        if (microBatch is not null && phase is not (FaultPhase.Forward or FaultPhase.Backward))
        {
            throw Refuse(text, $"{FaultRules.MicroBatch} goes with phase forward or backward alone");
        }

        return new(
            kind,
            (int)Whole(text, values, FaultRules.Stage, 0, int.MaxValue),
            Whole(text, values, FaultRules.Step, 1, long.MaxValue),
            phase,
            values.ContainsKey(FaultRules.Replica) ? (int)Whole(text, values, FaultRules.Replica, 0, int.MaxValue) : 0,
            microBatch,
            kind == FaultKind.Freeze ? Time(text, values) : null,
            kind == FaultKind.Slow ? Factor(text, values) : null,
            values.TryGetValue(FaultRules.Twice, out var twice) && Switch(text, twice));
    }

    private static Dictionary<string, string> Values(string text, IEnumerable<string> words, FaultRules rules)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var word in words)
        {
            var (key, value) = word.Split('=', 2) is [var one, var other] ? (one, other) : (word, "");
            if (!rules.AllKeys.Contains(key))
            {
                throw Refuse(text, $"{rules.Word} has no key {QuotedText.Shorten(key)}; it has {string.Join(", ", rules.AllKeys)}{Meant(key, rules.AllKeys)}");
            }

            if (value.Length == 0)
            {
                throw Refuse(text, $"{key} has no value; write {key}=VALUE");
            }

            if (!values.TryAdd(key, value))
            {
                throw Refuse(text, $"{key} is given twice");
            }
        }

        return values;
    }

    private static FaultPhase PhaseOf(string text, Dictionary<string, string> values, FaultRules rules)
    {
        if (!values.TryGetValue(FaultRules.Phase, out var word))
        {
            return rules.Phases[0];
        }

        var allowed = rules.Phases.ToDictionary(FaultRules.WordOf, phase => phase, StringComparer.Ordinal);
        return allowed.TryGetValue(word, out var phase)
            ? phase
            : throw Refuse(text, $"{FaultRules.Phase} of {rules.Word} must be one of {string.Join(", ", allowed.Keys)}, not {QuotedText.Shorten(word)}{Meant(word, allowed.Keys)}");
    }

    private static long Whole(string text, Dictionary<string, string> values, string key, long least, long most)
    {
        var value = values.TryGetValue(key, out var given) ? given : throw Refuse(text, $"{key} is missing; write {key}=NUMBER");
        return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw Refuse(text, $"{key} must be a whole number of at least {Text(least)}, not {QuotedText.Shorten(value)}");
    }

    private static TimeSpan Time(string text, Dictionary<string, string> values)
    {
        var value = values.TryGetValue(FaultRules.For, out var given) ? given : throw Refuse(text, $"{FaultRules.For} is missing; write {FaultRules.For}=6s or {FaultRules.For}=500ms");
        var (unit, perUnit) = value.EndsWith("ms", StringComparison.Ordinal) ? ("ms", 1.0) : ("s", 1000.0);
        var milliseconds = value.EndsWith(unit, StringComparison.Ordinal)
            && double.TryParse(value.AsSpan(0, value.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                ? number * perUnit
                : 0;
        return milliseconds >= 1 && milliseconds <= Longest.TotalMilliseconds
            ? TimeSpan.FromMilliseconds(Math.Round(milliseconds))
            : throw Refuse(text, $"{FaultRules.For} must be a time from 1ms to 3600s, such as 6s or 500ms, not {QuotedText.Shorten(value)}");
    }

    private static double Factor(string text, Dictionary<string, string> values)
    {
        var value = values.TryGetValue(FaultRules.By, out var given) ? given : throw Refuse(text, $"{FaultRules.By} is missing; write {FaultRules.By}=3");
        return double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number is > 1 and <= LargestFactor
            ? number
            : throw Refuse(text, $"{FaultRules.By} must be a number above 1 and at most {Text(LargestFactor)}, not {QuotedText.Shorten(value)}");
    }

    private static bool Switch(string text, string value) => value switch
    {
        "true" => true,
        "false" => false,
        _ => throw Refuse(text, $"{FaultRules.Twice} must be true or false, not {QuotedText.Shorten(value)}"),
    };

    private static string Meant(string word, IEnumerable<string> known) => EditDistance.Nearest(word, known) is { } near ? $"; did you mean {near}?" : "";

    private static BadInputException Refuse(string text, string problem) =>
        new($"--inject {QuotedText.Of(QuotedText.Shorten(text))}: {problem}{(problem.EndsWith('?') ? "" : ".")}");

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
