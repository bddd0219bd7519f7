using System.Buffers;
using System.Text.Unicode;

namespace Pipeline.Core.Data.Formats;

/// <summary>A UTF-8 file in pieces that fit memory, cut where it makes no difference.</summary>
internal static class TextPieces
{
    /// <summary>Characters that are read before a place to cut is looked for.</summary>
    public const int Size = 1 << 18;

    /// <summary>Characters without a place to cut, from which on a file is refused.</summary>
    public const int Longest = 1 << 24;

    /// <param name="border">As in <see cref="IDocumentEncoder.Border"/>.</param>
    /// <exception cref="BadInputException">The file is not UTF-8, or cannot be cut.</exception>
    public static IEnumerable<DocumentPiece> Read(string path, Border border)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        var bytes = new byte[Size];
        var text = new char[2 * Size];
        var (held, length, position, first) = (0, 0, 0L, true);
        for (var end = false; !end;)
        {
            var count = stream.ReadAtLeast(bytes.AsSpan(held), 1, throwOnEndOfStream: false);
            end = count == 0;
            held += count;
            if (length + held > text.Length)
            {
                Array.Resize(ref text, 2 * text.Length);
            }

            var status = Utf8.ToUtf16(bytes.AsSpan(0, held), text.AsSpan(length), out var read, out var written, replaceInvalidSequences: false, isFinalBlock: end);
            if (status == OperationStatus.InvalidData)
            {
                throw new BadInputException($"{path} is not UTF-8 text (byte {position + read}), which a tokenizer file needs; use data.tokenizer = bytes for any file.");
            }

            bytes.AsSpan(read, held - read).CopyTo(bytes);
            (held, position, length) = (held - read, position + read, length + written);
            if (length < Size && !end)
            {
                continue;
            }

            var cut = end ? length : border(text.AsSpan(0, length));
            if (cut > 0)
            {
                yield return new(new string(text, 0, cut), first);
                first = false;
                text.AsSpan(cut, length - cut).CopyTo(text);
                length -= cut;
            }
            else if (length > Longest)
            {
                throw new BadInputException(
                    $"{path} has {length} characters up to byte {position} without white space behind a letter or digit, where text can be cut; allowed are {Longest}.");
            }
        }
    }

    public delegate int Border(ReadOnlySpan<char> text);
}
