namespace Pipeline.Core.Configuration;

internal sealed class AllowedWord(IReadOnlyList<string> words) : AllowedValue
{
    public override string Description => Or(words);

    public override object Read(SettingNode node)
    {
        var word = Text(node);
        return words.Contains(word, StringComparer.Ordinal) ? word : throw Refusal(node, EditDistance.Nearest(word, words));
    }
}
