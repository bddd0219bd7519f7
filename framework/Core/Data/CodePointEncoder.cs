namespace Pipeline.Core.Data;

/// <summary>The tokenizer chars, for documents that are part of a file: code points, whose ids follow when all files have been seen.</summary>
internal sealed class CodePointEncoder : IDocumentEncoder
{
    public string Identity => "chars";

    public int Vocabulary => 0x11_0000;

    public int? EndOfText => null;

    public void Encode(string piece, bool first, List<int> ids)
    {
        foreach (var rune in piece.EnumerateRunes())
        {
            ids.Add(rune.Value);
        }
    }
}
