using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Pipeline.Core.Tests.Architecture;

/// <summary>The rooms of the design and what holds for every file in them. An arrow that is not here is a defect.</summary>
public partial class RoomsTests
{
    private const int LongestFile = 500;

    /// <summary>By room: the rooms it may reference.</summary>
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Core"] = [],
        ["Tensors"] = ["Core"],
        ["Runtime"] = ["Core", "Tensors"],
        ["Stages"] = ["Tensors"],
        ["Cli"] = ["Core", "Tensors", "Runtime", "Stages"],
    };

    /// <summary>By beginning of a package's name: the rooms that may ask for it.</summary>
    private static readonly Dictionary<string, string[]> Owners = new()
    {
        ["Akka"] = ["Runtime", "Cli"],
        ["TorchSharp"] = ["Tensors"],
        ["libtorch"] = ["Tensors"],
    };

    private static IReadOnlyList<string> Sources => [.. Repository.Files("framework", ".cs"), .. Repository.Files("stages", ".cs")];

    private static IReadOnlyList<string> Projects =>
        [.. Repository.Files("framework", ".csproj"), .. Repository.Files("stages", ".csproj")];

    [Fact]
    public void Every_room_is_a_project_and_every_project_a_room() =>
        Assert.Equal(Arrows.Keys.Order(StringComparer.Ordinal), Projects.Select(NameOf).Order(StringComparer.Ordinal));

    [Fact]
    public void A_room_references_only_the_rooms_it_may() =>
        AssertNone(
            from project in Projects
            from reference in References(project, "ProjectReference").Concat(References(project, "Reference")).Select(NameOf)
            where !Arrows[NameOf(project)].Contains(reference)
            select $"{project} -> {reference}");

    [Fact]
    public void Akka_and_torch_are_asked_for_only_where_they_belong() =>
        AssertNone(
            from project in Projects
            from package in References(project, "PackageReference")
            from owner in Owners
            where package.StartsWith(owner.Key, StringComparison.OrdinalIgnoreCase) && !owner.Value.Contains(NameOf(project))
            select $"{project} -> {package}");

    // What the compiler saw, whatever the project files say: packages of all projects could come in through a shared props file.
    [Fact]
    public void Core_was_compiled_without_torch_Akka_and_any_room_of_ours() =>
        AssertNone(
            from reference in typeof(Seeds).Assembly.GetReferencedAssemblies()
            where ForeignToCore.IsMatch(reference.Name!)
            select reference.Name);

    [Fact]
    public void Files_are_short_enough_to_hold_in_the_head() =>
        AssertNone(
            from file in Sources
            let lines = Repository.Read(file).AsSpan().Count('\n')
            where lines > LongestFile
            select $"{file} has {lines} lines");

    [Fact]
    public void No_file_and_no_type_has_a_name_that_says_nothing() =>
        AssertNone(
            from file in Sources
            from name in TypeDeclaration.Matches(Repository.Read(file)).Select(type => type.Groups["name"].Value).Prepend(NameOf(file))
            where SaysNothing.IsMatch(name)
            select $"{file}: {name}");

    [Fact]
    public void A_files_namespace_is_its_room_and_folders() =>
        AssertNone(
            from file in Sources
            let text = Repository.Read(file)
            // A program's entry point has statements only.
            where NameOf(file) != "Program"
            let expected = NamespaceOf(file)
            where !text.Split('\n').Any(line => line.TrimEnd() == $"namespace {expected};")
            select $"{file} is not in {expected}");

    [Theory]
    [InlineData("framework/Core/Schedules/Schedule.cs", "Pipeline.Core.Schedules")]
    [InlineData("framework/Core/Seeds.cs", "Pipeline.Core")]
    [InlineData("stages/Transformer/Gpt2.cs", "Pipeline.Stages.Transformer")]
    public void The_namespace_asked_for_is_the_designs(string file, string name) => Assert.Equal(name, NamespaceOf(file));

    [Theory]
    [InlineData("RunManager", true)]
    [InlineData("PathHelper", true)]
    [InlineData("Helpers", true)]
    [InlineData("TensorUtil", true)]
    [InlineData("Utils", true)]
    [InlineData("Common", true)]
    [InlineData("Managers", true)]
    [InlineData("Schedule", false)]
    [InlineData("Commons", false)]
    public void Names_that_say_nothing_are_known(string name, bool saysNothing) => Assert.Equal(saysNothing, SaysNothing.IsMatch(name));

    [GeneratedRegex("^(Akka|TorchSharp|Pipeline)")]
    private static partial Regex ForeignToCore { get; }

    [GeneratedRegex(@"\b(class|record|struct|interface|enum) (?<name>[A-Za-z_]\w*)")]
    private static partial Regex TypeDeclaration { get; }

    [GeneratedRegex("(Managers?|Helpers?|Utils?|Utility|Utilities|Common)$")]
    private static partial Regex SaysNothing { get; }

    private static string NameOf(string path) => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'));

    private static string NamespaceOf(string file)
    {
        var folders = file.Split('/')[..^1];
        return string.Join('.', folders[0] == "stages" ? ["Pipeline", "Stages", .. folders[1..]] : (string[])["Pipeline", .. folders[1..]]);
    }

    private static IEnumerable<string> References(string project, string kind) =>
        XDocument.Parse(Repository.Read(project)).Descendants(kind).Select(item => item.Attribute("Include")!.Value);

    /// <summary>Like Assert.Empty, but shows all that is wrong.</summary>
    private static void AssertNone(IEnumerable<string?> wrong) => Assert.Equal("", string.Join('\n', wrong));
}
