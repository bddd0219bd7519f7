using System.Text;

namespace Pipeline.Core.Data.Tokenizers;

/// <summary>The printable character that stands for each byte in the files of a byte-level tokenizer (Radford et al. 2019, GPT-2): a byte that
/// is a printable Latin-1 character stands for itself, the others for U+0100 and on, in order.</summary>
internal static class ByteSymbols
{
    private static readonly char[] SymbolOf = Symbols();

    private static readonly Dictionary<char, byte> ByteOf = Enumerable.Range(0, 256).ToDictionary(value => SymbolOf[value], value => (byte)value);

    public static char Of(byte value) => SymbolOf[value];

    /// <summary>The bytes that a token of the file stands for; its own UTF-8 where a character of it is no symbol.</summary>
    public static byte[] Bytes(string token) =>
        token.All(ByteOf.ContainsKey) ? [.. token.Select(symbol => ByteOf[symbol])] : Encoding.UTF8.GetBytes(token);

    private static char[] Symbols()
    {
        var symbols = new char[256];
        var next = (char)256;
        for (var value = 0; value < 256; value++)
        {
            symbols[value] = value is (>= '!' and <= '~') or (>= 0xa1 and <= 0xac) or (>= 0xae and <= 0xff) ? (char)value : next++;
        }

        return symbols;
    }
}
