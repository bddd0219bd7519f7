using System.Text;

namespace Pipeline.Core.Data;

/// <summary>The tokenizer bytes, for documents that are part of a file: their UTF-8.</summary>
internal sealed class Utf8Encoder : IDocumentEncoder
{
    public string Identity => "bytes";

    public int Vocabulary => 256;

    public int? EndOfText => null;

    public void Encode(string piece, bool first, List<int> ids) => ids.AddRange(Encoding.UTF8.GetBytes(piece).Select(value => (int)value));
}
