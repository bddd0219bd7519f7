namespace Pipeline.Core.Data.Formats;

/// <summary>What a data file holds, by the ending of its name.</summary>
internal enum DataFormat
{
    /// <summary>One document.</summary>
    Text,

    /// <summary>A document a line.</summary>
    JsonLines,

    /// <summary>A document a row.</summary>
    Parquet,

    /// <summary>A <see cref="TokenFile"/>.</summary>
    Tokens,
}
