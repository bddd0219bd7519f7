namespace Pipeline.Core.Data.Tasks;

/// <summary>Pairs of a key and a value, then each key again at a random place: the target there is its value.</summary>
internal sealed class Recall(RecallSettings settings, long seed) : ISequenceTask
{
    private readonly double[] rates = Rates(settings);

    public int Vocabulary => settings.Vocabulary;

    public int Length => settings.Length;

    public int TargetsPerSequence => settings.Pairs;

    public void Generate(bool validation, long index, Span<long> inputs, Span<long> targets)
    {
        var random = RandomStream.Of(seed, RecallSettings.Name, validation, index);
        var (pairs, half) = (settings.Pairs, settings.Vocabulary / 2);
        targets.Fill(Targets.Ignored);
        inputs.Clear();
        for (var i = 2 * pairs; settings.Noise && i < inputs.Length; i++)
        {
            inputs[i] = random.Below(settings.Vocabulary);
        }

        var keys = Range(1, half - 1);   // token 0 is no key
        var values = Range(half, settings.Vocabulary - half);
        random.Draw<int>(keys, pairs);
        random.Draw<int>(values, pairs);
        var gaps = Gaps(ref random);
        for (var pair = 0; pair < pairs; pair++)
        {
            (inputs[2 * pair], inputs[(2 * pair) + 1]) = (keys[pair], values[pair]);
            var query = 2 * (pairs + gaps[pair]);
            (inputs[query], targets[query]) = (keys[pair], values[pair]);
        }
    }

    /// <summary>A gap for each pair, drawn without putting back by its probability: those that happen first, when each happens at its own rate.</summary>
    private int[] Gaps(ref RandomStream random)
    {
        var (times, gaps) = (new double[rates.Length], Range(0, rates.Length));
        for (var gap = 0; gap < times.Length; gap++)
        {
            times[gap] = -Math.Log(random.Unit()) / rates[gap];
        }

        Array.Sort(times, gaps);
        return gaps;
    }

    /// <summary>In proportion to <c>gap^(power - 1)</c>, the gap counted from 1 in pairs of places.</summary>
    private static double[] Rates(RecallSettings settings) =>
        [.. Enumerable.Range(1, (settings.Length - (2 * settings.Pairs)) / 2).Select(gap => Math.Pow(gap, settings.Power - 1))];

    private static int[] Range(int first, int count)
    {
        var numbers = new int[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = first + i;
        }

        return numbers;
    }
}
