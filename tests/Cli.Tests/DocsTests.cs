using System.Globalization;
using System.Text.Json;
using Pipeline.Core.Configuration;
using Pipeline.Core.Jobs;
using Pipeline.Runtime.Runs;
using Pipeline.Stages;

namespace Pipeline.Cli.Tests;

/// <summary>The tables in framework/docs name what there is.</summary>
public class DocsTests
{
    [Fact]
    public void Every_key_of_a_job_file_is_listed_with_its_default()
    {
        var documented = Rows(Text("job-file.md")).Select(row => row.Key);
        var job = new JobFile(
            new(), new CommonSettings("gpt2", 1, 1, 1, 1), new TextDataSettings(["x"], Cache: "x"), new(), Everything, new(), new(), new(), new(), new());
        Assert.Equal(Keys(SettingsWriter.Write(job)).Order(), documented.Order());
    }

    public static TheoryData<string> FamilyNames => [.. Families.All.Select(family => family.Name)];

    /// <summary>By the family's own record of settings, so that a family or a key cannot come without its documentation.</summary>
    [Theory]
    [MemberData(nameof(FamilyNames))]
    public void Every_key_of_a_family_is_listed_with_its_default(string name)
    {
        var sections = Text("models.md").Split("\n## ");
        var common = Rows(sections[0]).Select(row => row.Key["model.".Length..]).ToHashSet(StringComparer.Ordinal);
        var section = sections.SingleOrDefault(text => text.Contains($"\n`model.architecture = {name}`", StringComparison.Ordinal));
        Assert.True(section is not null, $"framework/docs/models.md has no section whose text begins with `model.architecture = {name}`.");
        var parameters = Families.All.Single(family => family.Name == name).Settings.GetConstructors()
            .MaxBy(constructor => constructor.GetParameters().Length)!.GetParameters();
        var documented = Rows(section).ToDictionary(row => row.Key, row => row.Default, StringComparer.Ordinal);
        Assert.Equal(
            parameters.Select(parameter => JsonNamingPolicy.KebabCaseLower.ConvertName(parameter.Name!)).Where(key => !common.Contains(key)).Order(), documented.Keys.Order());
        foreach (var parameter in parameters)
        {
            if (!documented.TryGetValue(JsonNamingPolicy.KebabCaseLower.ConvertName(parameter.Name!), out var shown))
            {
                continue;
            }

            switch (parameter.HasDefaultValue ? parameter.DefaultValue : "*required*")
            {
                case null:
                    Assert.NotEqual("", shown);   // in words
                    break;
                case bool flag:
                    Assert.Equal(flag ? "`true`" : "`false`", shown);
                    break;
                case "*required*":
                    Assert.Equal("*required*", shown);
                    break;
                case string word:
                    Assert.Equal($"`{word}`", shown);
                    break;
                case var number:
                    Assert.Equal(Convert.ToDouble(number, CultureInfo.InvariantCulture), double.Parse(shown.Trim('`'), CultureInfo.InvariantCulture));
                    break;
            }
        }
    }

    public static TheoryData<string> KindNames => [.. DataKinds.All.Keys.Where(kind => kind != DataKinds.Text)];

    [Theory]
    [MemberData(nameof(KindNames))]
    public void Every_key_of_a_kind_of_data_is_listed_with_its_default(string name)
    {
        var section = Text("data.md").Split("\n## ").SingleOrDefault(text => text.Contains($"\n`data.kind = {name}`", StringComparison.Ordinal));
        Assert.True(section is not null, $"framework/docs/data.md has no section whose text begins with `data.kind = {name}`.");
        var parameters = DataKinds.All[name].GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)!.GetParameters()
            .Where(parameter => parameter.Name != nameof(DataSettings.Kind)).ToArray();
        var documented = Rows(section).ToDictionary(row => row.Key, row => row.Default, StringComparer.Ordinal);
        Assert.Equal(parameters.Select(parameter => JsonNamingPolicy.KebabCaseLower.ConvertName(parameter.Name!)).Order(), documented.Keys.Order());
        Assert.All(parameters, parameter =>
        {
            var shown = documented[JsonNamingPolicy.KebabCaseLower.ConvertName(parameter.Name!)];
            if (!parameter.HasDefaultValue)
            {
                Assert.Equal("*required*", shown);
            }
            else if (parameter.DefaultValue is { } value)
            {
                Assert.Equal($"`{Convert.ToString(value, CultureInfo.InvariantCulture)}`".ToLowerInvariant(), shown);
            }
            else
            {
                Assert.NotEqual("", shown);   // in words
            }
        });
    }

    /// <summary>The keys of <c>model</c> that all families have.</summary>
    private sealed record CommonSettings(string Architecture, int Layers, int Width, int Context, int? Vocabulary)
        : ModelSettings(Architecture, Layers, Width, Context, Vocabulary);

    /// <summary>Keys without a value are not written, so each has one.</summary>
    private static ParallelSettings Everything { get; } = new(Chunks: 1, ScheduleFile: "x", ActivationLimit: 1, MemoryLimit: "1", ShardOptimizer: true, Placement: ["x"]);

    [Fact]
    public void Every_key_of_a_metrics_line_is_listed()
    {
        var text = Text("run-directory.md");
        var names = typeof(StepMetrics).GetProperties().Concat(typeof(StageMetrics).GetProperties())
            .Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        Assert.All(names, name => Assert.Contains($"`{name}`", text, StringComparison.Ordinal));
    }

    private static string Text(string name) => File.ReadAllText(Path.Combine(Command.Repository, "framework", "docs", name));

    /// <summary>Of the tables whose rows begin with a key.</summary>
    private static IEnumerable<(string Key, string Default)> Rows(string text) => text.Split('\n')
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
        .Select(line => line.Split('|'))
        .Select(cells => (cells[1].Trim(' ', '`'), cells[2].Trim()));

    private static IEnumerable<string> Keys(string hocon)
    {
        var section = "";
        foreach (var line in hocon.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.EndsWith('{'))
            {
                section = line.Split(' ')[0] + ".";
            }
            else if (line == "}")
            {
                section = "";
            }
            else
            {
                yield return section + line.Split(' ')[0];
            }
        }
    }
}
