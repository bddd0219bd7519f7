using System.Text;

namespace Pipeline.Core.Data;

/// <summary>A token is a Unicode character (code point) of UTF-8 text; ids are the order of the code points that occur.
/// A position is found through an index of every <see cref="CharacterScan.Stride"/>-th character's byte offset.</summary>
internal sealed class CharacterTokenizer : ITokenizer
{
    private readonly IReadOnlyList<CharacterScan> files;
    private readonly int[] idByCodePoint;

    /// <param name="seen">By code point: whether it occurs in any of the files.</param>
    public CharacterTokenizer(IReadOnlyList<CharacterScan> files, bool[] seen)
    {
        this.files = files;
        var codePoints = Enumerable.Range(0, seen.Length).Where(codePoint => seen[codePoint]).ToArray();
        idByCodePoint = new int[codePoints.DefaultIfEmpty().Max() + 1];
        var characters = new StringBuilder();
        for (var id = 0; id < codePoints.Length; id++)
        {
            idByCodePoint[codePoints[id]] = id;
            characters.Append(new Rune(codePoints[id]));
        }

        Vocabulary = codePoints.Length;
        Characters = characters.ToString();
    }

    public string Name => "chars";

    public int Vocabulary { get; }

    public string? Characters { get; }

    public long Count(int file) => files[file].Count;

    public void Read(int file, MappedFile bytes, long offset, Span<long> tokens)
    {
        var position = files[file].Offsets[(int)(offset / CharacterScan.Stride)];
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

                tokens[0] = idByCodePoint[rune.Value];
                tokens = tokens[1..];
            }

            if (position == before && !tokens.IsEmpty)
            {
                throw new InvalidDataException($"a data file is no longer the UTF-8 text it was when the run started (byte {position})");
            }
        }
    }
}
