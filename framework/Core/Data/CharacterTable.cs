using System.Text;

namespace Pipeline.Core.Data;

/// <summary>The characters that occur in a corpus: ids are the order of their code points.</summary>
internal sealed class CharacterTable
{
    private readonly int[] idByCodePoint;

    /// <param name="seen">By code point: whether it occurs in any of the files.</param>
    public CharacterTable(bool[] seen)
    {
        var codePoints = Enumerable.Range(0, seen.Length).Where(codePoint => seen[codePoint]).ToArray();
        idByCodePoint = new int[codePoints.DefaultIfEmpty().Max() + 1];
        var characters = new StringBuilder();
        for (var id = 0; id < codePoints.Length; id++)
        {
            idByCodePoint[codePoints[id]] = id;
            characters.Append(new Rune(codePoints[id]));
        }

        Count = codePoints.Length;
        Characters = characters.ToString();
    }

    public int Count { get; }

    /// <summary>In the order of their ids.</summary>
    public string Characters { get; }

    public int Id(int codePoint) => idByCodePoint[codePoint];
}
