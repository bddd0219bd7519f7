using System.Buffers.Binary;
using System.IO.Hashing;
using Pipeline.Core.Data.Formats;
using Pipeline.Core.Jobs;

namespace Pipeline.Core.Data;

/// <summary>Writes a token file that appears whole or not at all: under another name first, renamed when it is done.</summary>
internal sealed class TokenFileWriter : IDisposable
{
    private readonly string path;
    private readonly string temporary;
    private readonly IDocumentEncoder encoder;
    private readonly FileStream stream;
    private readonly FileStream index;
    private readonly int size;
    private readonly XxHash3 hash = new();
    private readonly List<int> ids = [];
    private bool open;

    public TokenFileWriter(string path, IDocumentEncoder encoder)
    {
        this.path = path;
        this.encoder = encoder;
        size = encoder.Vocabulary <= 1 << 16 ? 2 : 4;
        temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16);
        try
        {
            index = new FileStream(temporary + "-index", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 12, FileOptions.DeleteOnClose);
            stream.Write(new byte[TokenFileHeader.Length]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public long Tokens { get; private set; }

    public long Documents { get; private set; }

    /// <summary>Bytes of a token.</summary>
    public int Size => size;

    /// <summary>Adds all documents of a file.</summary>
    /// <exception cref="BadInputException">The file is not what its ending says, or has what the tokenizer cannot take.</exception>
    public void Add(string file, TextDataSettings settings)
    {
        foreach (var piece in Formats.Documents.Read(file, settings, encoder))
        {
            try
            {
                Add(piece);
            }
            catch (BadInputException problem)
            {
                throw new BadInputException($"{file}: {problem.Message}", problem);
            }
        }
    }

    /// <summary>The file is there when this returns.</summary>
    public void Complete()
    {
        EndDocument();
        Append(new byte[-(Tokens * size) & 7]);
        index.Position = 0;
        var block = new byte[1 << 16];
        for (int count; (count = index.Read(block)) > 0;)
        {
            Append(block.AsSpan(0, count));
        }

        var header = new byte[TokenFileHeader.Length];
        var written = new TokenFileHeader(size, Tokens, Documents, 0, encoder.Vocabulary, TokenFileHeader.Hash(encoder.Identity));
        (written with { Checksum = written.ChecksumWith(hash) }).Write(header);
        stream.Position = 0;
        stream.Write(header);
        stream.Flush(flushToDisk: true);
        stream.Dispose();
        File.Move(temporary, path, overwrite: true);
    }

    public void Dispose()
    {
        stream.Dispose();
        index?.Dispose();
        File.Delete(temporary);
    }

    private void Add(DocumentPiece piece)
    {
        if (piece.First)
        {
            EndDocument();
            Span<byte> start = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(start, Tokens);
            index.Write(start);
            Documents++;
            open = true;
        }

        ids.Clear();
        encoder.Encode(piece.Text, piece.First, ids);
        Write();
    }

    private void EndDocument()
    {
        if (open && encoder.EndOfText is { } end)
        {
            ids.Clear();
            ids.Add(end);
            Write();
        }

        open = false;
    }

    private void Write()
    {
        var bytes = new byte[ids.Count * size];
        for (var i = 0; i < ids.Count; i++)
        {
            if (size == 2)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * i), (ushort)ids[i]);
            }
            else
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), ids[i]);
            }
        }

        Append(bytes);
        Tokens += ids.Count;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        hash.Append(bytes);
        stream.Write(bytes);
    }
}
