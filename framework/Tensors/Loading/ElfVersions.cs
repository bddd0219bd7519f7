using System.Buffers.Binary;
using System.Text;
using Pipeline.Core;

namespace Pipeline.Tensors.Loading;

/// <summary>A version that a library needs of another one (an <c>Elf64_Vernaux</c>).</summary>
/// <param name="FlagsOffset">Where the 16 bits of its flags lie in the file.</param>
internal sealed record NeededVersion(string Library, string Version, int FlagsOffset, ushort Flags);

/// <summary>Reads the symbol versions of a 64-bit little-endian ELF library; every offset in it is checked before it is followed.</summary>
internal readonly ref struct ElfVersions(ReadOnlySpan<byte> image, string path)
{
    private const int SectionSize = 64, NeedSize = 16, AuxiliarySize = 16, DefinitionSize = 20, DefinitionNameSize = 8;
    private const uint DefinitionSection = 0x6ffffffd, NeedSection = 0x6ffffffe;

    private readonly ReadOnlySpan<byte> image = image;

    public List<NeededVersion> Needed()
    {
        var needed = new List<NeededVersion>();
        if (!TryFindSection(NeedSection, out var start, out var count, out var names))
        {
            return needed;
        }

        for (var need = start; count > 0; count--)
        {
            var library = Text(names, U32(At(need, NeedSize), 4));
            var auxiliary = need + U32(At(need, NeedSize), 8);
            for (var left = U16(At(need, NeedSize), 2); left > 0; left--)
            {
                var entry = At(auxiliary, AuxiliarySize);
                needed.Add(new NeededVersion(library, Text(names, U32(entry, 8)), (int)auxiliary + 4, U16(entry, 4)));
                auxiliary = Next(auxiliary, U32(entry, 12), left);
            }

            need = Next(need, U32(At(need, NeedSize), 12), count);
        }

        return needed;
    }

    public HashSet<string> Defined()
    {
        var defined = new HashSet<string>(StringComparer.Ordinal);
        if (!TryFindSection(DefinitionSection, out var definition, out var count, out var names))
        {
            return defined;
        }

        for (; count > 0; count--)
        {
            var entry = At(definition, DefinitionSize);
            // The first name is the version's own, the others are its parents'.
            defined.Add(Text(names, U32(At(definition + U32(entry, 12), DefinitionNameSize), 0)));
            definition = Next(definition, U32(entry, 16), count);
        }

        return defined;
    }

    private bool TryFindSection(uint type, out long start, out uint count, out ReadOnlySpan<byte> names)
    {
        var header = At(0, 64);
        if (!header.StartsWith("\u007fELF\u0002\u0001"u8) || U16(header, 58) != SectionSize)
        {
            throw Malformed();
        }

        var table = (long)BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        for (var i = 0; i < U16(header, 60); i++)
        {
            var section = At(table + (i * SectionSize), SectionSize);
            if (U32(section, 4) != type)
            {
                continue;
            }

            if (U32(section, 40) >= U16(header, 60))
            {
                throw Malformed();
            }

            (start, count) = (Offset(section), U32(section, 44));
            var strings = At(table + (U32(section, 40) * SectionSize), SectionSize);
            names = At(Offset(strings), (long)BinaryPrimitives.ReadUInt64LittleEndian(strings[32..]));
            return true;
        }

        start = count = 0;
        names = default;
        return false;
    }

    /// <summary>Entries form chains; a chain that stands still would make a hostile count cost a long walk.</summary>
    private long Next(long from, uint step, uint left) => step == 0 && left > 1 ? throw Malformed() : from + step;

    private string Text(ReadOnlySpan<byte> names, uint offset)
    {
        var rest = offset < names.Length ? names[(int)offset..] : throw Malformed();
        var length = rest.IndexOf((byte)0);
        return length < 0 ? throw Malformed() : Encoding.UTF8.GetString(rest[..length]);
    }

    private ReadOnlySpan<byte> At(long offset, long length) =>
        offset >= 0 && length >= 0 && offset <= image.Length && length <= image.Length - offset
            ? image.Slice((int)offset, (int)length)
            : throw Malformed();

    private static long Offset(ReadOnlySpan<byte> section) => (long)BinaryPrimitives.ReadUInt64LittleEndian(section[24..]);

    private static ushort U16(ReadOnlySpan<byte> entry, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(entry[offset..]);

    private static uint U32(ReadOnlySpan<byte> entry, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(entry[offset..]);

    private BadInputException Malformed() =>
        new($"'{path}' is not a well-formed 64-bit ELF library; install it, or build the program, again.");
}
