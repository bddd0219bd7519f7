namespace Pipeline.Runtime.Generation;

/// <summary>Why a text ends where it does.</summary>
public enum GenerationEnd
{
    /// <summary>It has as many tokens as were asked for.</summary>
    Length,

    /// <summary>The model chose its end-of-text token.</summary>
    EndOfText,

    /// <summary>The model has no position for a further token.</summary>
    Context,

    /// <summary>The run was stopped.</summary>
    Interrupted,
}

/// <summary>What a model wrote behind a prompt.</summary>
/// <param name="PrefillSeconds">From the start of the prompt to its first token; null where none came.</param>
/// <param name="StepSeconds">Of each further token.</param>
public sealed record Generated(IReadOnlyList<long> Tokens, GenerationEnd End, double? PrefillSeconds, IReadOnlyList<double> StepSeconds);

/// <param name="Texts">One a prompt.</param>
/// <param name="LoadSeconds">Until all stages had their parameters.</param>
/// <param name="Seconds">From then to the last token.</param>
public sealed record GenerationResult(IReadOnlyList<Generated> Texts, double LoadSeconds, double Seconds);

/// <summary>Watches a generation. Called from one thread at a time.</summary>
public interface IGenerationObserver
{
    void Token(int prompt, long token);

    void Ended(int prompt, Generated text);
}
