using Pipeline.Core.Configuration;

namespace Pipeline.Core.Tests.Configuration;

public class HoconParserTests
{
    [Theory]
    [InlineData("", "{}")]
    [InlineData("  # nothing\n// here", "{}")]
    [InlineData("a = 1", "{a:'1'}")]
    [InlineData("\uFEFF{ a : 1 } ", "{a:'1'}")]
    [InlineData("a\t=\t1 \r\nb = 2\r\n", "{a:'1' b:'2'}")]
    [InlineData("a = 1, b = 2,\n", "{a:'1' b:'2'}")]
    [InlineData("a { b = 1 }, c = d", "{a:{b:'1'} c:'d'}")]
    [InlineData("a { b = 1 }\na { c = 2 }\na.d = 3", "{a:{b:'1' c:'2' d:'3'}}")]
    [InlineData("a = { b = 1 }\na.c.d = 2", "{a:{b:'1' c:{d:'2'}}}")]
    [InlineData("a\n{\n  b = 1\n}", "{a:{b:'1'}}")]
    [InlineData("a =\n[\n 1\n 2,\n ]", "{a:['1' '2']}")]
    [InlineData("a = [[], [1], {b = 2}]", "{a:[[] ['1'] {b:'2'}]}")]
    [InlineData("a = two words // and a comment", "{a:'two words'}")]
    [InlineData("a = runs/quick start#7", "{a:'runs/quick start'}")]
    [InlineData("a = null, b = \"null\"", "{a:null b:'null'}")]
    [InlineData("a = -1.5e+3", "{a:'-1.5e+3'}")]
    [InlineData("a = \"# { = \\\" \\\\ \\u00e9\\t\"", "{a:'# { = \" \\ é\t'}")]
    [InlineData("\"a.b\".c = \"\"", "{a.b:{c:''}}")]
    public void What_HOCON_says_is_read(string text, string tree) => Assert.Equal(tree, Show(HoconParser.ParseFile(text, "x.hocon")));

    [Fact]
    public void Every_value_knows_its_dotted_key_and_its_place()
    {
        var root = HoconParser.ParseFile("a.b { c = [1, 2] }", "x.hocon");
        var b = Assert.IsType<SettingObject>(Assert.IsType<SettingObject>(root.Children["a"]).Children["b"]);
        var c = Assert.IsType<SettingList>(b.Children["c"]);
        Assert.Equal(("a.b.c", "x.hocon", "a.b.c[1]"), (c.Path, c.Place, c.Items[1].Path));
    }

    [Fact]
    public void An_override_merges_sections_and_replaces_values()
    {
        var root = HoconParser.ParseFile("a { b = 1, c = [1, 2] }", "x.hocon")
            .Overlay(SettingOverride.Parse("a.c=3")).Overlay(SettingOverride.Parse("d.e=f g"));
        Assert.Equal("{a:{b:'1' c:'3'} d:{e:'f g'}}", Show(root));
        Assert.Equal("--set", ((SettingObject)root.Children["a"]).Children["c"].Place);
        Assert.Equal("x.hocon", root.Children["a"].Place);
    }

    [Theory]
    [InlineData("a=cuda:0,cuda:1", "{a:['cuda:0' 'cuda:1']}")]
    [InlineData("a=[cuda:0, cuda:1]", "{a:['cuda:0' 'cuda:1']}")]
    [InlineData("a=\"b,c\"", "{a:'b,c'}")]
    [InlineData("a=../**/*.cs", "{a:'../**/*.cs'}")]
    [InlineData("a=x=y#z//w", "{a:'x=y#z//w'}")]
    [InlineData("a={b=1,c=2}", "{a:{b:'1' c:'2'}}")]
    [InlineData("a=null", "{a:null}")]
    [InlineData(" a.b = 1 ", "{a:{b:'1'}}")]
    public void An_override_needs_no_quotes(string text, string tree) => Assert.Equal(tree, Show(SettingOverride.Parse(text)));

    private static string Show(SettingNode node) => node switch
    {
        SettingObject section => $"{{{string.Join(' ', section.Children.Select(child => $"{child.Key}:{Show(child.Value)}"))}}}",
        SettingList list => $"[{string.Join(' ', list.Items.Select(Show))}]",
        SettingText text => $"'{text.Text}'",
        _ => "null",
    };
}
