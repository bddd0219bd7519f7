using System.Text.RegularExpressions;
using Pipeline.Runtime.Cluster;

namespace Pipeline.Cli.Tests.Deploy;

/// <summary>What the templates under examples/deploy tell a user to run exists.</summary>
public partial class DeployTests
{
    public static TheoryData<string> WithCommands => [.. Template.Names.Where(name => Lines(name).Any())];

    public static TheoryData<string> Scripts =>
    [
        .. Template.Names.Where(name => name.EndsWith(".sh", StringComparison.Ordinal)),
        .. ComposeTests.Scripts.Keys.Concat(KubernetesTests.Scripts.Keys),
    ];

    [Fact]
    public void Every_template_has_commands_that_the_next_test_sees() =>
        Assert.Equal(["README.md", "compose.yaml", "kubernetes.yaml", "slurm.sh"], WithCommands.Select(row => row.Data).Where(name => name != "Dockerfile"));

    [Theory, MemberData(nameof(WithCommands))]
    public void Every_command_line_is_made_of_a_verb_and_options_that_there_are(string name) => Assert.All(Lines(name), line =>
    {
        Assert.True(Help.Value("").Contains($"\n  {line.Verb} ", StringComparison.Ordinal), $"There is no verb {line.Verb}.");
        var known = Option().Matches(Help.Value(line.Verb)).Select(match => match.Value).ToHashSet();
        Assert.All(Option().Matches(line.Arguments).Select(match => match.Value), option => Assert.Contains(option, known));
    });

    [Theory, MemberData(nameof(WithCommands))]
    public void No_template_switches_TLS_off(string name) => Assert.DoesNotContain("--insecure", Template.Text(name), StringComparison.Ordinal);

    [Theory, MemberData(nameof(Scripts))]
    public void A_shell_script_parses(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs bash.");
        var (code, output) = Template.Run("bash", ["-n"], Script(name));
        Assert.True(code == 0 && output.Length == 0, output);
    }

    [Theory, MemberData(nameof(Scripts))]
    public void Shellcheck_has_no_warning_for_a_shell_script(string name)
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "shellcheck")));
        Assert.SkipUnless(found, "shellcheck is not installed.");
        var (code, output) = Template.Run("shellcheck", ["--shell=bash", "--severity=warning", "-"], Script(name));
        Assert.True(code == 0, output);
    }

    [Fact]
    public void What_the_Dockerfile_copies_and_publishes_is_there()
    {
        var text = Template.Text("Dockerfile");
        var copied = Copy().Matches(text).SelectMany(match => match.Groups[1].Value.Split(' ')[..^1]).ToArray();
        Assert.NotEmpty(copied);
        Assert.All(copied, path => Assert.True(Path.Exists(Path.Combine(Command.Repository, path)), path));
        var project = Publish().Match(text).Groups[1].Value;
        Assert.Contains(copied, path => project.StartsWith(path + "/", StringComparison.Ordinal));
        Assert.Single(Directory.EnumerateFiles(Path.Combine(Command.Repository, project), "*.csproj"));
    }

    /// <summary>Files above a project that its build reads, and projects that it refers to, come along.</summary>
    [Fact]
    public void The_Dockerfile_copies_all_that_the_build_reads()
    {
        var copied = Copy().Matches(Template.Text("Dockerfile")).SelectMany(match => match.Groups[1].Value.Split(' ')).ToHashSet();
        var root = Directory.EnumerateFiles(Command.Repository).Select(path => Path.GetFileName(path))
            .Where(name => name.StartsWith("Directory.", StringComparison.Ordinal) || name is "global.json" or ".editorconfig" or "NuGet.config");
        var projects = new[] { "framework", "stages" }
            .SelectMany(room => Directory.EnumerateFiles(Path.Combine(Command.Repository, room), "*.csproj", SearchOption.AllDirectories));
        var referred = projects.SelectMany(project => Include().Matches(File.ReadAllText(project))
                .Select(match => Path.GetFullPath(match.Groups[1].Value, Path.GetDirectoryName(project)!)))
            .Select(path => Path.GetRelativePath(Command.Repository, path).Replace('\\', '/').Split('/')[0]);
        Assert.All(root.Concat(referred), path => Assert.Contains(path, copied));
    }

    [Fact]
    public void The_image_runs_the_command_and_not_as_root()
    {
        var text = Template.Text("Dockerfile");
        Assert.Contains("\nENTRYPOINT [\"pipeline\"]\n", text, StringComparison.Ordinal);
        Assert.Matches("\nUSER [1-9][0-9]*", text);
        Assert.Matches("\nENV .*\\bHOME=/tmp\n", text);   // without a home folder .NET checks no certificate
    }

    [Fact]
    public void The_images_cluster_file_makes_TLS_of_the_certificates_that_are_mounted()
    {
        Assert.Contains("COPY examples/deploy/cluster.hocon /etc/pipeline/cluster.hocon", Template.Text("Dockerfile"), StringComparison.Ordinal);
        Assert.Equal("/certificates", ClusterSettings.Read(Path.Combine(Template.Folder, "cluster.hocon")).Tls.Directory);
    }

    [Fact]
    public void Every_file_that_the_README_names_is_there() => Assert.All(
        Link().Matches(Template.Text("README.md")).Select(match => match.Groups[1].Value),
        name => Assert.True(File.Exists(Path.Combine(Template.Folder, name)), name));

    /// <summary>The arguments of a service of the image are a command line too, without the program's name.</summary>
    private static IEnumerable<(string Verb, string Arguments)> Lines(string name) => Template.CommandLines(
        Template.Text(name) + (name == "compose.yaml" ? string.Concat(ComposeTests.Commands.Select(command => $"\npipeline {command}")) : ""));

    private static string Script(string name) =>
        ComposeTests.Scripts.GetValueOrDefault(name) ?? KubernetesTests.Scripts.GetValueOrDefault(name) ?? Template.Text(name);

    [GeneratedRegex("(?<=^|[\\s(])--[a-z][a-z-]*", RegexOptions.Multiline)]
    private static partial Regex Option();

    [GeneratedRegex("^COPY (?!--from)(.+)$", RegexOptions.Multiline)]
    private static partial Regex Copy();

    [GeneratedRegex("dotnet publish (\\S+)")]
    private static partial Regex Publish();

    [GeneratedRegex("Include=\"((?:\\.\\./)+[^\"]+)\"")]
    private static partial Regex Include();

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex Link();

    /// <summary>What the real command says of itself.</summary>
    private static class Help
    {
        private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, string> Known = new(StringComparer.Ordinal);

        /// <param name="verb">Empty for the list of verbs.</param>
        public static string Value(string verb) => Known.GetOrAdd(verb, _ =>
        {
            var (code, output, errors) = Command.Run(Template.Folder, verb.Length == 0 ? ["--help"] : [verb, "--help"]);
            Assert.True(code == 0, errors);
            return output;
        });
    }
}
