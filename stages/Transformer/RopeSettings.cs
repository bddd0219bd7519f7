namespace Pipeline.Stages.Transformer;

/// <summary>How rotary positions turn; names as in Hugging Face's <c>rope_parameters</c>.</summary>
/// <param name="Type"><c>default</c>; <c>linear</c>: positions divided by the factor; <c>llama3</c>: low frequencies divided by the factor, high ones
/// kept, those between interpolated.</param>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Factor">How much longer texts may be than in the first training.</param>
/// <param name="LowFrequencyFactor">Of llama3: what turns less often than this within the original context is divided.</param>
/// <param name="HighFrequencyFactor">Of llama3: what turns more often than this within the original context is kept.</param>
/// <param name="OriginalContext">Of llama3: tokens of a text in the first training.</param>
public sealed record RopeSettings(
    string Type = "default",
    double Theta = 10_000,
    double Factor = 1,
    double LowFrequencyFactor = 1,
    double HighFrequencyFactor = 4,
    int OriginalContext = 8192);
