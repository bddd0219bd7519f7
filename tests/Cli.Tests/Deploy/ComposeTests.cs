using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Pipeline.Cli.Tests.Deploy;

/// <summary>compose.yaml fits itself. A key that is not in the types here fails, so that no misspelt one passes.</summary>
public class ComposeTests
{
    private static readonly ComposeFile File = Read();

    /// <summary>Shell scripts in it, as the shell gets them, by a name for each.</summary>
    internal static Dictionary<string, string> Scripts => File.Services.Where(service => service.Value.Entrypoint is ["bash", "-c"])
        .ToDictionary(service => $"compose.yaml, {service.Key}", service => Text(service.Value).Replace("$$", "$", StringComparison.Ordinal));

    /// <summary>What the image's command is given.</summary>
    internal static IEnumerable<string> Commands => File.Services.Values.Where(service => service.Entrypoint is null).Select(Text);

    [Fact]
    public void Every_service_is_known_under_its_own_name_and_joins_one_that_there_is() => Assert.All(File.Services, service =>
    {
        Assert.All(Template.Values(Text(service.Value), "--host"), host => Assert.Equal(service.Key, host));
        Assert.All(Template.Values(Text(service.Value), "--name"), name => Assert.Equal(service.Key, name));
        Assert.All(Template.Values(Text(service.Value), "--join"), join =>
        {
            Assert.NotEqual($"{service.Key}:4053", join);
            Assert.Contains(join, File.Services.Keys.Select(name => $"{name}:4053"));
            Assert.Contains(join.Split(':')[0], service.Value.DependsOn.Keys);
        });
        Assert.NotEmpty(Template.Values(Text(service.Value), "--host"));
    });

    [Fact]
    public void One_node_alone_begins_the_cluster() =>
        Assert.Single(File.Services, service => !Text(service.Value).Contains("--join", StringComparison.Ordinal));

    [Fact]
    public void Every_service_has_its_own_certificate_and_the_shared_folder() => Assert.All(File.Services, service =>
        Assert.Equal([$"./certificates/{service.Key}:/certificates:ro", "./work:/work"], service.Value.Volumes));

    [Fact]
    public void Certificates_are_made_for_all_services_where_they_are_looked_for()
    {
        var line = Template.CommandLines(Template.Text("compose.yaml")).Single(line => line.Verb == "certificates").Arguments;
        Assert.Equal(File.Services.Keys, line.Split("--host ")[1].Split(' '));
        Assert.Equal(["/here/certificates"], Template.Values(line, "--directory"));
    }

    [Fact]
    public void The_training_waits_for_as_many_nodes_as_there_are()
    {
        var nodes = File.Services.Keys.Count(name => name.StartsWith("node-", StringComparison.Ordinal));
        Assert.Contains($"-ge {nodes} ]", Scripts.Values.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_waited_for_says_when_it_is_healthy() => Assert.All(
        File.Services.Values.SelectMany(service => service.DependsOn), wait =>
        {
            Assert.Equal("service_healthy", wait.Value["condition"]);
            Assert.Contains(File.Services[wait.Key].Healthcheck!.Test, part => part.Contains(4053.ToString("X4", null), StringComparison.Ordinal));
        });

    [Fact]
    public void No_service_runs_as_root_or_is_reached_from_outside() => Assert.All(File.Services.Values, service =>
    {
        Assert.Matches("^\\$\\{USER_ID:-[1-9][0-9]*\\}:", service.User);
        Assert.Equal(["ALL"], service.CapDrop);
    });

    private static string Text(Service service) => service.Command is IEnumerable<object> parts ? string.Join(' ', parts) : (string)service.Command;

    private static ComposeFile Read()
    {
        using var text = new StringReader(Template.Text("compose.yaml"));
        return new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).WithDuplicateKeyChecking().Build()
            .Deserialize<ComposeFile>(new MergingParser(new Parser(text)));
    }

    // Without ports: nothing is published.
    private sealed class ComposeFile
    {
        [YamlMember(Alias = "x-container", ApplyNamingConventions = false)]
        public Service? Container { get; init; }

        [YamlMember(Alias = "x-node", ApplyNamingConventions = false)]
        public Service? Node { get; init; }

        public Dictionary<string, Service> Services { get; init; } = [];
    }

    private sealed class Service
    {
        public string Image { get; init; } = "";
        public string User { get; init; } = "";
        public bool Init { get; init; }
        public string Restart { get; init; } = "";
        public List<string> CapDrop { get; init; } = [];
        public List<string> SecurityOpt { get; init; } = [];
        public List<string>? Entrypoint { get; init; }
        public object Command { get; init; } = "";
        public List<string> Volumes { get; init; } = [];
        public Dictionary<string, Dictionary<string, string>> DependsOn { get; init; } = [];
        public Healthcheck? Healthcheck { get; init; }
        public string StopGracePeriod { get; init; } = "";
    }

    private sealed class Healthcheck
    {
        public List<string> Test { get; init; } = [];
        public string Interval { get; init; } = "";
        public int Retries { get; init; }
    }
}
