namespace Pipeline.Cli.Doctor;

internal enum Verdict
{
    Ok,
    Note,
    Wrong,
}

/// <summary>What the doctor found about one thing.</summary>
/// <param name="Remedy">What to do about it; null when all is well.</param>
/// <param name="Facts">The same for programs to read.</param>
internal sealed record Finding(string Name, Verdict Verdict, string Text, string? Remedy, IReadOnlyDictionary<string, object?> Facts)
{
    public static Finding Ok(string name, string text, params (string Key, object? Value)[] facts) =>
        new(name, Verdict.Ok, text, null, facts.ToDictionary(fact => fact.Key, fact => fact.Value));

    /// <summary>Usable, but worth knowing.</summary>
    public static Finding Note(string name, string text, string remedy, params (string Key, object? Value)[] facts) =>
        Ok(name, text, facts) with { Verdict = Verdict.Note, Remedy = remedy };

    public static Finding Wrong(string name, string text, string remedy, params (string Key, object? Value)[] facts) =>
        Ok(name, text, facts) with { Verdict = Verdict.Wrong, Remedy = remedy };
}
