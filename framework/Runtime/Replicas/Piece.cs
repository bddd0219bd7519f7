namespace Pipeline.Runtime.Replicas;

/// <summary>A range of one parameter's elements, in C order.</summary>
/// <param name="Parameter">The parameter's place among those that its stage owns.</param>
/// <param name="End">The first element behind it.</param>
internal readonly record struct Piece(int Parameter, long Start, long End)
{
    /// <summary>Cuts fall on multiples of this many elements of a parameter, so that the optimizer's vector instructions take the same
    /// elements together as without a cut: its results keep their bits. No processor has wider vectors.</summary>
    public const int Alignment = 64;

    public long Elements => End - Start;

    /// <summary>Cuts consecutive pieces into parts, none further from an equal one than one alignment.</summary>
    /// <param name="pieces">Each begins at a multiple of <see cref="Alignment"/>.</param>
    /// <returns>As many lists as <paramref name="parts"/>, some of them empty where there is too little.</returns>
    public static IReadOnlyList<IReadOnlyList<Piece>> Cut(IReadOnlyList<Piece> pieces, int parts)
    {
        var total = pieces.Sum(piece => piece.Elements);
        var result = Enumerable.Range(0, parts).Select(_ => new List<Piece>()).ToArray();
        var before = 0L;
        var part = 0;
        foreach (var piece in pieces)
        {
            for (var start = piece.Start; start < piece.End;)
            {
                var end = part == parts - 1 ? piece.End : Nearest(piece, EndOf(part) - before);
                if (end > start)
                {
                    result[part].Add(piece with { Start = start, End = end });
                    start = end;
                }

                if (start < piece.End)
                {
                    part++;
                }
            }

            before += piece.Elements;
        }

        return result;

        long EndOf(int index) => (long)((Int128)total * (index + 1) / parts);
    }

    /// <summary>Where a cut may fall, nearest to <paramref name="offset"/> elements from the piece's beginning.</summary>
    private static long Nearest(Piece piece, long offset) =>
        Math.Clamp((piece.Start + offset + (Alignment / 2)) / Alignment * Alignment, piece.Start, piece.End);
}
