namespace Pipeline.Core.Data;

/// <summary>What targets may be besides tokens.</summary>
public static class Targets
{
    /// <summary>A target that does not count: there is nothing to predict at its place.</summary>
    public const long Ignored = -100;
}
