namespace Pipeline.Core.Data.Tasks;

/// <summary>Tokens at random places with noise between, then as many markers: the targets at the markers are the tokens in their order.</summary>
internal sealed class SelectiveCopying(SelectiveCopyingSettings settings, long seed) : ISequenceTask
{
    public int Vocabulary => settings.Vocabulary;

    public int Length => settings.Length;

    public int TargetsPerSequence => settings.Tokens;

    public void Generate(bool validation, long index, Span<long> inputs, Span<long> targets)
    {
        var random = RandomStream.Of(seed, SelectiveCopyingSettings.Name, validation, index);
        var start = settings.Length - settings.Tokens;
        var left = settings.Tokens;
        inputs.Clear();
        targets.Fill(Targets.Ignored);
        for (var place = 0; place < start; place++)
        {
            // With this probability every choice of places is equally likely.
            if (random.Below(start - place) < left)
            {
                inputs[place] = 1 + random.Below(settings.Vocabulary - 2);
                targets[^left] = inputs[place];
                left--;
            }
        }

        inputs[start..].Fill(settings.Vocabulary - 1);
    }
}
