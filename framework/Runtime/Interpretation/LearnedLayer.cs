namespace Pipeline.Runtime.Interpretation;

/// <summary>Learned functions of a layer, or of a part of one.</summary>
/// <param name="Wanted">How many of its functions the selection asks for.</param>
/// <param name="Edges">The strongest of them, by input and output.</param>
public sealed record LearnedLayer(string Name, int Inputs, int Outputs, long Wanted, IReadOnlyList<LearnedEdge> Edges);

/// <summary>A learned function from an input to an output, at places that are evenly spread over the range in which it was learned.</summary>
/// <param name="Deviation">The standard deviation of its values.</param>
/// <param name="Share">Of the sum of the variances of all functions to the same output: how much of what the output does is this function's, if all
/// inputs come evenly from their ranges and independently.</param>
public sealed record LearnedEdge(int Input, int Output, double Deviation, double Share, IReadOnlyList<double> X, IReadOnlyList<double> Y);
