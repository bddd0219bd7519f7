using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;

namespace Pipeline.Core.Data;

/// <summary>The first 64 bytes of a token file, little-endian: 0 magic <c>PIPETOKN</c>, 8 version (uint32), 12 bytes of a token (uint32: 2 or 4),
/// 16 tokens (uint64), 24 documents (uint64), 32 XXH3 of all behind the header and then the header with zeros here (uint64; 0: not given), 40 vocabulary, which all ids are below
/// (uint32), 44 zeros, 48 the first 16 bytes of the SHA-256 of the tokenizer's name (zeros: not given). Behind it the tokens, zeros up to a
/// multiple of 8, and for each document where it begins, in tokens (uint64), ascending.</summary>
internal readonly record struct TokenFileHeader(int Size, long Tokens, long Documents, ulong Checksum, int Vocabulary, UInt128 Tokenizer)
{
    public const int Length = 64;

    private const uint Version = 1;

    /// <summary>Where the documents' beginnings are.</summary>
    public long Index => (Length + (Tokens * Size) + 7) & ~7L;

    public long FileLength => Index + (Documents * sizeof(long));

    private static ReadOnlySpan<byte> Magic => "PIPETOKN"u8;

    public static UInt128 Hash(string tokenizer) => BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(tokenizer)));

    /// <param name="fileLength">Of the whole file.</param>
    /// <exception cref="BadInputException">The file is no token file of this version, or not whole.</exception>
    public static TokenFileHeader Read(string path, ReadOnlySpan<byte> bytes, long fileLength)
    {
        if (bytes.Length < Length || !bytes.StartsWith(Magic))
        {
            throw new BadInputException($"{path} is no token file: it does not begin with PIPETOKN and a header of {Length} bytes.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is var version && version != Version)
        {
            throw new BadInputException($"{path} is a token file of version {version}; this version reads {Version}.");
        }

        var (size, tokens, documents, vocabulary) = (
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]));
        if (size is not (2 or 4) || vocabulary > int.MaxValue || tokens > (ulong)fileLength || documents > (ulong)fileLength)
        {
            throw new BadInputException($"{path} is a token file with a header that is not right.");
        }

        var header = new TokenFileHeader(
            (int)size, (long)tokens, (long)documents, BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]), (int)vocabulary, BinaryPrimitives.ReadUInt128LittleEndian(bytes[48..]));
        return header.FileLength == fileLength
            ? header
            : throw new BadInputException($"{path} is a token file of {fileLength} bytes; by its header it has {header.FileLength}.");
    }

    /// <param name="body">Of all behind the header.</param>
    public ulong ChecksumWith(XxHash3 body)
    {
        Span<byte> bytes = stackalloc byte[Length];
        (this with { Checksum = 0 }).Write(bytes);
        body.Append(bytes);
        return body.GetCurrentHashAsUInt64();
    }

    public void Write(Span<byte> bytes)
    {
        bytes.Clear();
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], (uint)Size);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], Tokens);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], Documents);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[32..], Checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[40..], (uint)Vocabulary);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[48..], Tokenizer);
    }
}
