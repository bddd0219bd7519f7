using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Pipeline.Core.Data;

/// <summary>A file of token ids, mapped into memory and checked once: its length, its checksum and that all ids are below its vocabulary.</summary>
internal sealed class TokenFile : ITokenSequence
{
    private TokenFile(MappedFile map, TokenFileHeader header)
    {
        Map = map;
        Header = header;
    }

    public MappedFile Map { get; }

    public TokenFileHeader Header { get; }

    public long Count => Header.Tokens;

    /// <param name="accept">Throws where the header is not what is wanted, before anything behind it is read.</param>
    /// <param name="seen">By id, as long as the vocabulary of all accepted headers: set where it occurs in a file that is whole; null where nobody asks.</param>
    /// <exception cref="BadInputException">The file is no token file, or is damaged.</exception>
    public static TokenFile Open(string path, Action<TokenFileHeader>? accept = null, bool[]? seen = null)
    {
        if (new FileInfo(path).Length < TokenFileHeader.Length)
        {
            TokenFileHeader.Read(path, [], 0);
        }

        var map = new MappedFile(path);
        try
        {
            var bytes = new byte[TokenFileHeader.Length];
            map.Read(0, bytes);
            var file = new TokenFile(map, TokenFileHeader.Read(path, bytes, map.Length));
            accept?.Invoke(file.Header);
            var own = seen is null ? null : new bool[seen.Length];
            file.Check(path, own);
            for (var id = 0; id < own?.Length; id++)
            {
                seen![id] |= own[id];
            }

            return file;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    public void Read(MappedFile bytes, long offset, Span<long> tokens)
    {
        Span<byte> buffer = stackalloc byte[1024];
        while (!tokens.IsEmpty)
        {
            var part = buffer[..Math.Min(buffer.Length, tokens.Length * Header.Size)];
            bytes.Read(TokenFileHeader.Length + (offset * Header.Size), part);
            var count = part.Length / Header.Size;
            for (var i = 0; i < count; i++)
            {
                tokens[i] = Id(part, i);
            }

            offset += count;
            tokens = tokens[count..];
        }
    }

    public void MarkStarts(MappedFile bytes, long offset, Span<bool> starts)
    {
        for (var document = FirstFrom(bytes, offset); document < Header.Documents; document++)
        {
            var start = Start(bytes, document) - offset;
            if (start >= starts.Length)
            {
                return;
            }

            starts[(int)start] = true;
        }
    }

    /// <summary>The first document that begins at a token or behind it.</summary>
    private long FirstFrom(MappedFile bytes, long offset)
    {
        var (low, high) = (0L, Header.Documents);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = Start(bytes, middle) < offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private long Start(MappedFile bytes, long document)
    {
        Span<byte> start = stackalloc byte[sizeof(long)];
        bytes.Read(Header.Index + (document * sizeof(long)), start);
        return BinaryPrimitives.ReadInt64LittleEndian(start);
    }

    private int Id(ReadOnlySpan<byte> tokens, int index) => Header.Size == 2
        ? BinaryPrimitives.ReadUInt16LittleEndian(tokens[(2 * index)..])
        : BinaryPrimitives.ReadInt32LittleEndian(tokens[(4 * index)..]);

    private void Check(string path, bool[]? seen)
    {
        var hash = new XxHash3();
        var block = new byte[1 << 16];
        var end = TokenFileHeader.Length + (Header.Tokens * Header.Size);
        var before = -1L;
        for (long offset = TokenFileHeader.Length; offset < Map.Length;)
        {
            // The tokens, what fills up, and the index each begin a block.
            var stop = offset < end ? end : offset < Header.Index ? Header.Index : Map.Length;
            var part = block.AsSpan(0, (int)Math.Min(block.Length, stop - offset));
            Map.Read(offset, part);
            hash.Append(part);
            if (offset < end)
            {
                CheckIds(path, part, seen);
            }
            else if (offset >= Header.Index)
            {
                foreach (var start in MemoryMarshal.Cast<byte, long>(part))
                {
                    before = start > before && start <= Header.Tokens ? start : throw new BadInputException($"{path} is damaged: its documents do not ascend.");
                }
            }

            offset += part.Length;
        }

        if (Header.Checksum != 0 && Header.Checksum != Header.ChecksumWith(hash))
        {
            throw new BadInputException($"{path} is damaged: its checksum is not that of its content.");
        }
    }

    private void CheckIds(string path, ReadOnlySpan<byte> tokens, bool[]? seen)
    {
        for (var i = 0; i < tokens.Length / Header.Size; i++)
        {
            var id = Id(tokens, i);
            if ((uint)id >= (uint)Header.Vocabulary)
            {
                throw new BadInputException($"{path} has the token {id}; by its header all are below {Header.Vocabulary}.");
            }

            seen?[id] = true;
        }
    }
}
