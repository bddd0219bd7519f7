using System.Buffers;
using System.Text;

namespace Pipeline.Core.Data;

/// <summary>One pass over a UTF-8 file, fed block by block: its characters counted, collected and indexed.</summary>
/// <param name="seen">By code point: whether it occurs; shared by all files of a corpus.</param>
internal sealed class CharacterScan(string path, bool[] seen)
{
    /// <summary>Characters between two entries of the index: a read decodes at most so many in vain.</summary>
    public const int Stride = 1024;

    private readonly byte[] carry = new byte[4];
    private int carried;
    private long position;

    public long Count { get; private set; }

    /// <summary>Byte offset of every <see cref="Stride"/>-th character.</summary>
    public List<long> Offsets { get; } = [];

    /// <exception cref="BadInputException">The bytes are not UTF-8.</exception>
    public void Add(ReadOnlySpan<byte> block)
    {
        while (carried > 0 && !block.IsEmpty)
        {
            carry[carried++] = block[0];
            block = block[1..];
            if (Take(carry.AsSpan(0, carried)) > 0)
            {
                carried = 0;
            }
        }

        while (!block.IsEmpty)
        {
            var size = Take(block);
            if (size == 0)
            {
                block.CopyTo(carry);
                carried = block.Length;
                return;
            }

            block = block[size..];
        }
    }

    /// <exception cref="BadInputException">The file ends within a character.</exception>
    public void End()
    {
        if (carried > 0)
        {
            throw NotUtf8();
        }
    }

    /// <summary>Takes one character; 0 when its bytes are not all there yet.</summary>
    private int Take(ReadOnlySpan<byte> bytes)
    {
        switch (Rune.DecodeFromUtf8(bytes, out var rune, out var size))
        {
            case OperationStatus.NeedMoreData:
                return 0;
            case OperationStatus.InvalidData:
                throw NotUtf8();
        }

        if (Count % Stride == 0)
        {
            Offsets.Add(position);
        }

        seen[rune.Value] = true;
        Count++;
        position += size;
        return size;
    }

    private BadInputException NotUtf8() =>
        new($"{path} is not UTF-8 text (byte {position}), which the tokenizer chars needs; use data.tokenizer = bytes for any file.");
}
