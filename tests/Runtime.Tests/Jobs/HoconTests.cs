using Pipeline.Core.Configuration;
using Pipeline.Runtime.Jobs;

namespace Pipeline.Runtime.Tests.Jobs;

public class HoconTests
{
    [Theory]
    [InlineData("", "{}")]
    [InlineData("  # nothing\n// here", "{}")]
    [InlineData("a = 1", "{a:'1'}")]
    [InlineData("\uFEFF{ a : 1 } ", "{a:'1'}")]
    [InlineData("a\t=\t1 \r\nb = 2\r\n", "{a:'1' b:'2'}")]
    [InlineData("a = 1, b = 2,\n", "{a:'1' b:'2'}")]
    [InlineData("a = 1\n, b = 2", "{a:'1' b:'2'}")]
    [InlineData("a { b = 1 }, c = d", "{a:{b:'1'} c:'d'}")]
    [InlineData("a { b = 1 }\na { c = 2 }\na.d = 3", "{a:{b:'1' c:'2' d:'3'}}")]
    [InlineData("a { b = 1 } a { c = 2 } a.c = 3", "{a:{b:'1' c:'3'}}")]
    [InlineData("a { b = 1 }, a { b = 2 }", "{a:{b:'2'}}")]
    [InlineData("a { b = 1 }\na.b = [2]\na.b = [3]", "{a:{b:['3']}}")]
    [InlineData("a = [1]\na = 2", "{a:'2'}")]
    [InlineData("a = { b = 1 }\na.c.d = 2", "{a:{b:'1' c:{d:'2'}}}")]
    [InlineData("a = { b = 1 }\na = { c = 2 }", "{a:{b:'1' c:'2'}}")]
    [InlineData("a\n{\n  b = 1\n}", "{a:{b:'1'}}")]
    [InlineData("a =\n[\n 1\n 2,\n ]", "{a:['1' '2']}")]
    [InlineData("a = [ # one\n 1 # two\n , 2 ] # three\nb = 3", "{a:['1' '2'] b:'3'}")]
    [InlineData("a = [[], [1], {b = 2}]", "{a:[[] ['1'] {b:'2'}]}")]
    [InlineData("a = [{b = 1}]\na = [{b { c = 1 }}]", "{a:[{b:{c:'1'}}]}")]
    [InlineData("a = two  words // and a comment", "{a:'two  words'}")]
    [InlineData("a = runs/quick start#7", "{a:'runs/quick start'}")]
    [InlineData("a = \"null\", b = \" x \" # y", "{a:'null' b:' x '}")]
    [InlineData("a = -1.5e+3", "{a:'-1.5e+3'}")]
    [InlineData("a = \"# { = ${b} \\\" \\\\ \\u00e9\\t\"", "{a:'# { = ${b} \" \\ é\t'}")]
    [InlineData("\"a\".b.\"c\" = \"\"", "{a:{b:{c:''}}}")]
    [InlineData("a.include = include", "{a:{include:'include'}}")]
    [InlineData("includes = 2", "{includes:'2'}")]
    [InlineData("include.a = 1", "{include:{a:'1'}}")]
    // Substitutions.
    [InlineData("a = ${b.c} # later\nb.c = 1", "{a:'1' b:{c:'1'}}")]
    [InlineData("a = 1\nb = ${a}\na = 2", "{a:'2' b:'2'}")]
    [InlineData("a = [1, 2]\nb = ${a}, c = [${a}, 3]", "{a:['1' '2'] b:['1' '2'] c:[['1' '2'] '3']}")]
    [InlineData("a { b = \" q \", c = runs/${a.b}/x y ${a.b} }", "{a:{b:' q ' c:'runs/ q /x y  q '}}")]
    [InlineData("a = null-x, b = \"*\"${a}\"?\"${a}", "{a:'null-x' b:'*null-x?null-x'}")]
    public void What_HOCON_says_is_read(string text, string tree) => Assert.Equal(tree, Show(Read(text)));

    [Fact]
    public void Every_value_knows_its_dotted_key_and_its_place()
    {
        var b = Assert.IsType<SettingObject>(Assert.IsType<SettingObject>(Read("a.b { c = [1, 2] }").Children["a"]).Children["b"]);
        var c = Assert.IsType<SettingList>(b.Children["c"]);
        Assert.Equal(("a.b.c", "x.hocon", "a.b.c[1]"), (c.Path, c.Place, c.Items[1].Path));
    }

    [Fact]
    public void An_override_merges_sections_and_replaces_values()
    {
        var root = Read("a { b = 1, c = [1, 2] }").Overlay(SettingOverride.Parse("a.c=3")).Overlay(SettingOverride.Parse("d.e=f g"));
        Assert.Equal("{a:{b:'1' c:'3'} d:{e:'f g'}}", Show(root));
        var c = ((SettingObject)root.Children["a"]).Children["c"];
        Assert.Equal(("--set", "a.c"), (c.Place, c.Path));
        Assert.Equal("x.hocon", root.Children["a"].Place);
    }

    [Theory]
    [InlineData("a=cuda:0,cuda:1", "{a:['cuda:0' 'cuda:1']}")]
    [InlineData("a=[cuda:0, cuda:1]", "{a:['cuda:0' 'cuda:1']}")]
    [InlineData("a=[]", "{a:[]}")]
    [InlineData("a=[1]", "{a:['1']}")]
    [InlineData("a=\"b,c\"", "{a:'b,c'}")]
    [InlineData("a=\"b\", c", "{a:['b' 'c']}")]
    [InlineData("a=[b, \"c,d\"]", "{a:['b' 'c,d']}")]
    [InlineData("a=../**/*.cs", "{a:'../**/*.cs'}")]
    [InlineData("a=/a b/c.txt", "{a:'/a b/c.txt'}")]
    [InlineData("a=x=y#z//w", "{a:'x=y#z//w'}")]
    [InlineData("a={b=1,c=2}", "{a:{b:'1' c:'2'}}")]
    [InlineData("a.b={c.d=1}", "{a:{b:{c:{d:'1'}}}}")]
    [InlineData(" a.b = 1 ", "{a:{b:'1'}}")]
    public void An_override_needs_no_quotes(string text, string tree) => Assert.Equal(tree, Show(SettingOverride.Parse(text)));

    private static SettingObject Read(string text) => HoconTree.Read(HoconSyntax.PlainFile(text, "x.hocon"), "x.hocon");

    private static string Show(SettingNode node) => node switch
    {
        SettingObject section => $"{{{string.Join(' ', section.Children.Select(child => $"{child.Key}:{Show(child.Value)}"))}}}",
        SettingList list => $"[{string.Join(' ', list.Items.Select(Show))}]",
        _ => $"'{((SettingText)node).Text}'",
    };
}
