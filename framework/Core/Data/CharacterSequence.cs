using System.Text;

namespace Pipeline.Core.Data;

/// <summary>A token is a Unicode character (code point) of UTF-8 text. A position is found through an index of every
/// <see cref="CharacterScan.Stride"/>-th character's byte offset.</summary>
internal sealed class CharacterSequence(CharacterScan scan, Lazy<CharacterTable> table) : ITokenSequence
{
    public long Count => scan.Count;

    public void Read(MappedFile bytes, long offset, Span<long> tokens)
    {
        var position = scan.Offsets[(int)(offset / CharacterScan.Stride)];
        var skip = offset % CharacterScan.Stride;
        Span<byte> buffer = stackalloc byte[1024];
        while (!tokens.IsEmpty)
        {
            var part = buffer[..bytes.Read(position, buffer)];
            var before = position;
            while (!tokens.IsEmpty && Rune.DecodeFromUtf8(part, out var rune, out var size) == System.Buffers.OperationStatus.Done)
            {
                part = part[size..];
                position += size;
                if (skip > 0)
                {
                    skip--;
                    continue;
                }

                tokens[0] = table.Value.Id(rune.Value);
                tokens = tokens[1..];
            }

            if (position == before && !tokens.IsEmpty)
            {
                throw new InvalidDataException($"a data file is no longer the UTF-8 text it was when the run started (byte {position})");
            }
        }
    }
}
