namespace Pipeline.Core.Data;

/// <summary>Turns documents into numbers, piece by piece.</summary>
internal interface IDocumentEncoder
{
    /// <summary>Two encoders with the same identity give the same numbers.</summary>
    string Identity { get; }

    /// <summary>All numbers are below this.</summary>
    int Vocabulary { get; }

    /// <summary>What stands behind each document; null for nothing.</summary>
    int? EndOfText { get; }

    /// <summary>The last place where text can be cut without changing the numbers of the whole, whatever follows; 0 where there is none.</summary>
    int Border(ReadOnlySpan<char> text) => 0;

    /// <summary>Adds the numbers of a piece.</summary>
    /// <param name="first">The piece is the first of its document.</param>
    void Encode(string piece, bool first, List<int> ids);
}
