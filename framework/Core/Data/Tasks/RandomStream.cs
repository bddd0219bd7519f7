namespace Pipeline.Core.Data.Tasks;

/// <summary>The random numbers of one sample, one after another (SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
/// generators").</summary>
internal struct RandomStream(ulong seed)
{
    private ulong state = seed;

    /// <summary>Of a sample of a task: training and validation have streams of their own.</summary>
    public static RandomStream Of(long seed, string task, bool validation, long index) =>
        new(Seeds.Derive((long)Seeds.Derive(seed, validation ? $"{task}.validation" : $"{task}.training"), 0, index));

    public ulong Next()
    {
        state += 0x9E3779B97F4A7C15;
        var mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>A number in [0, <paramref name="count"/>).</summary>
    public int Below(int count) => (int)Seeds.Below(Next(), count);

    /// <summary>A number in (0, 1), never one of the ends.</summary>
    public double Unit() => ((Next() >> 12) + 0.5) / (1L << 52);

    /// <summary>Every order is equally likely (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items) => Draw(items, items.Length);

    /// <summary>Moves <paramref name="count"/> of the items, drawn without putting back, to the front.</summary>
    public void Draw<T>(Span<T> items, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var other = i + Below(items.Length - i);
            (items[i], items[other]) = (items[other], items[i]);
        }
    }
}
