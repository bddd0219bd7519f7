namespace Pipeline.Core.Data.Tasks;

/// <summary>Random tokens with the special one at a random place and again at the end: the target there is what followed it the first time.</summary>
internal sealed class Induction(InductionSettings settings, long seed) : ISequenceTask
{
    public int Vocabulary => settings.Vocabulary;

    public int Length => settings.Length;

    public int TargetsPerSequence => 1;

    public void Generate(bool validation, long index, Span<long> inputs, Span<long> targets)
    {
        var random = RandomStream.Of(seed, InductionSettings.Name, validation, index);
        var special = settings.Vocabulary - 1;
        targets.Fill(Targets.Ignored);
        for (var place = 0; place < inputs.Length; place++)
        {
            inputs[place] = random.Below(special);
        }

        var first = random.Below(settings.Length - 2);
        inputs[first] = inputs[^1] = special;
        targets[^1] = inputs[first + 1];
    }
}
