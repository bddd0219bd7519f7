namespace Pipeline.Runtime.Coordination;

/// <summary>An exception as a user reads it.</summary>
internal static class FailureSentence
{
    /// <summary>The first line says it; what follows in libtorch's messages is a stack trace.</summary>
    public static string Of(Exception failure)
    {
        var cause = failure is AggregateException { InnerExceptions: [var only, ..] } ? only : failure;
        var line = cause.Message.Split('\n')[0].Trim();
        return line.EndsWith('.') ? line : line + ".";
    }
}
