namespace Pipeline.Core.Configuration;

/// <summary>Settings whose values must also fit each other.</summary>
public interface ICheckedSettings
{
    /// <summary>What does not fit and what is allowed, naming the keys in full, as a sentence without place and period; null
    /// when all is well.</summary>
    string? Problem();
}
