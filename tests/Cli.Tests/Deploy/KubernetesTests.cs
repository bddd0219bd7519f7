using k8s;
using k8s.Models;

namespace Pipeline.Cli.Tests.Deploy;

/// <summary>kubernetes.yaml fits Kubernetes' types (an unknown key fails) and itself.</summary>
public class KubernetesTests
{
    private static readonly IReadOnlyList<object> Objects = [.. KubernetesYaml.LoadAllFromString(Template.Text("kubernetes.yaml"), strict: true)];
    private static readonly V1StatefulSet Nodes = Objects.OfType<V1StatefulSet>().Single();
    private static readonly V1Job Train = Objects.OfType<V1Job>().Single();
    private static readonly V1Service Names = Objects.OfType<V1Service>().Single();
    private static readonly V1PodTemplateSpec[] Pods = [Nodes.Spec.Template, Train.Spec.Template];

    /// <summary>Shell scripts in it, by a name for each.</summary>
    internal static Dictionary<string, string> Scripts =>
        Pods.SelectMany(pod => Containers(pod).Select(container => (Name: $"kubernetes.yaml, {pod.Metadata.Labels["part"]}, {container.Name}", container)))
            .ToDictionary(entry => entry.Name, entry => Assert.Single(entry.container.Args));

    [Fact]
    public void All_objects_are_in_the_namespace_that_it_makes()
    {
        var name = Objects.OfType<V1Namespace>().Single().Metadata.Name;
        var others = Objects.OfType<IMetadata<V1ObjectMeta>>().Where(entry => entry is not V1Namespace);
        Assert.All(others, entry => Assert.Equal(name, entry.Metadata.NamespaceProperty));
        Assert.Equal(6, Objects.Count);
    }

    [Fact]
    public void The_pods_get_the_names_that_they_use()
    {
        var service = Names.Metadata.Name;
        Assert.Equal("None", Names.Spec.ClusterIP);
        Assert.True(Names.Spec.PublishNotReadyAddresses);
        Assert.Equal(service, Nodes.Spec.ServiceName);
        Assert.Equal(service, Train.Spec.Template.Spec.Subdomain);
        Assert.Equal($"$(POD).{service}", Variable(Nodes.Spec.Template, "HOST"));
        Assert.Equal($"{Train.Spec.Template.Spec.Hostname}.{service}", Variable(Train.Spec.Template, "HOST"));
        Assert.All(Scripts.Values.SelectMany(script => Template.Values(script, "--host")), host => Assert.Equal("$HOST", host));
        var first = $"{Nodes.Metadata.Name}-0.{service}:4053";
        Assert.All(Scripts.Values.SelectMany(script => Template.Values(script, "--join")), join => Assert.Contains(join, new[] { first, "$there" }));
        Assert.Contains($"--join {first}", Scripts["kubernetes.yaml, node, node"], StringComparison.Ordinal);
        Assert.Contains($"--join {first}", Scripts["kubernetes.yaml, trainer, train"], StringComparison.Ordinal);
        Assert.Contains($"there={Nodes.Metadata.Name}-$other.{service}:4053\n", Scripts["kubernetes.yaml, node, node"], StringComparison.Ordinal);
    }

    [Fact]
    public void Service_and_policy_mean_all_pods() => Assert.All(Pods, pod =>
    {
        var policy = Objects.OfType<V1NetworkPolicy>().Single().Spec;
        Assert.Superset(Names.Spec.Selector.ToHashSet(), pod.Metadata.Labels.ToHashSet());
        Assert.Superset(policy.PodSelector.MatchLabels.ToHashSet(), pod.Metadata.Labels.ToHashSet());
        Assert.Superset(policy.Ingress.Single().FromProperty.Single().PodSelector.MatchLabels.ToHashSet(), pod.Metadata.Labels.ToHashSet());
        Assert.Null(policy.Ingress.Single().Ports);
    });

    [Fact]
    public void The_selector_of_the_nodes_means_them_and_not_the_training()
    {
        var selector = Nodes.Spec.Selector.MatchLabels.ToHashSet();
        Assert.Superset(selector, Nodes.Spec.Template.Metadata.Labels.ToHashSet());
        Assert.False(selector.IsSubsetOf(Train.Spec.Template.Metadata.Labels));
    }

    [Fact]
    public void As_many_nodes_are_waited_for_as_there_are() =>
        Assert.All(Pods, pod => Assert.Equal($"{Nodes.Spec.Replicas}", Variable(pod, "NODES")));

    [Fact]
    public void The_README_makes_certificates_for_all_pods_under_the_Secrets_name()
    {
        string[] hosts =
        [
            .. Enumerable.Range(0, Nodes.Spec.Replicas!.Value).Select(index => $"{Nodes.Metadata.Name}-{index}.{Names.Metadata.Name}"),
            Variable(Train.Spec.Template, "HOST"),
        ];
        var readme = Template.Text("README.md");
        Assert.Contains($"hosts=\"{string.Join(' ', hosts)}\"\n", readme, StringComparison.Ordinal);
        Assert.All(Pods, pod => Assert.Contains(
            $"create secret generic {Assert.Single(pod.Spec.Volumes, volume => volume.Secret is not null).Secret.SecretName} ", readme, StringComparison.Ordinal));
    }

    [Fact]
    public void Only_the_container_that_picks_the_pods_own_key_sees_the_others() => Assert.All(Pods, pod =>
    {
        var secret = pod.Spec.Volumes.Single(volume => volume.Secret is not null);
        Assert.Equal(0, secret.Secret.DefaultMode & 7);
        Assert.Contains(pod.Spec.InitContainers.Single().VolumeMounts, mount => mount.Name == secret.Name);
        Assert.DoesNotContain(pod.Spec.Containers.Single().VolumeMounts, mount => mount.Name == secret.Name);
        Assert.Contains(
            "install -m 600 \"/secret/$HOST.key\" /certificates/node.key\n", pod.Spec.InitContainers.Single().Args[0], StringComparison.Ordinal);
        Assert.Contains(pod.Spec.Containers.Single().VolumeMounts, mount => mount is { MountPath: "/certificates", ReadOnlyProperty: true });
    });

    [Fact]
    public void Every_mount_is_of_a_volume_that_there_is_and_every_claim_is_made() => Assert.All(Pods, pod =>
    {
        var volumes = pod.Spec.Volumes.Select(volume => volume.Name).ToArray();
        Assert.All(Containers(pod).SelectMany(container => container.VolumeMounts), mount => Assert.Contains(mount.Name, volumes));
        var claim = Objects.OfType<V1PersistentVolumeClaim>().Single();
        Assert.Equal(claim.Metadata.Name, pod.Spec.Volumes.Single(volume => volume.PersistentVolumeClaim is not null).PersistentVolumeClaim.ClaimName);
        Assert.Equal(["ReadWriteMany"], claim.Spec.AccessModes);
    });

    /// <summary>What Kubernetes' profile "restricted", which the namespace enforces, asks for.</summary>
    [Fact]
    public void Pods_run_without_rights() => Assert.All(Pods, pod =>
    {
        Assert.True(pod.Spec.SecurityContext is { RunAsNonRoot: true, RunAsUser: > 0, SeccompProfile.Type: "RuntimeDefault" });
        Assert.All(Containers(pod), container => Assert.True(
            container.SecurityContext is { AllowPrivilegeEscalation: false, Capabilities.Drop: ["ALL"] }, container.Name));
    });

    [Fact]
    public void Every_command_is_bash_and_every_container_is_of_the_image() => Assert.All(Pods.SelectMany(Containers), container =>
    {
        Assert.Equal("pipeline", container.Image);
        Assert.Equal(["bash", "-euc"], container.Command);
    });

    private static IEnumerable<V1Container> Containers(V1PodTemplateSpec pod) => pod.Spec.InitContainers.Concat(pod.Spec.Containers);

    private static string Variable(V1PodTemplateSpec pod, string name) =>
        Assert.Single(Containers(pod).Select(container => container.Env.Single(variable => variable.Name == name).Value).Distinct());
}
