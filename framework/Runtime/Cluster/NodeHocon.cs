using System.Globalization;
using Akka.Cluster.Tools.Singleton;
using Akka.Cluster.Tools.Singleton.Serialization;
using Akka.Configuration;
using Pipeline.Core.Configuration;

namespace Pipeline.Runtime.Cluster;

/// <summary>Akka's settings of a node: those of cluster.hocon, and what makes an actor system a cluster's node. The same file
/// serves actor systems that stay in their process, so it does not switch the cluster on itself.</summary>
internal static class NodeHocon
{
    // The log's level is Debug, for some refusals are told at that level alone; our logger drops the rest.
    public static Config Of(ClusterSettings settings, IReadOnlyList<string> roles) => ConfigurationFactory.ParseString(string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        akka {
          actor {
            provider = cluster
            serializers.control = "{{NameOf<ControlSerializer>()}}"
            serializers.singleton = "{{NameOf<ClusterSingletonMessageSerializer>()}}"
            serialization-bindings { "{{NameOf<IControlMessage>()}}" = control, "{{NameOf<IClusterSingletonMessage>()}}" = singleton }
            serialization-identifiers { "{{NameOf<ClusterSingletonMessageSerializer>()}}" = 14 }
          }
          loglevel = DEBUG
          loggers = ["{{NameOf<ClusterLogger>()}}"]
          stdout-logger-class = "{{NameOf<NoStandardOutput>()}}"
          remote.dot-netty.tcp {
            hostname = {{QuotedText.Of(settings.Node.Host)}}
            port = {{settings.Node.Port}}
            enable-ssl = {{(settings.UsesTls ? "on" : "off")}}
          }
          cluster {
            roles = [{{string.Join(", ", roles.Select(QuotedText.Of))}}]
            {{(settings.IsOfOneRun ? "split-brain-resolver.keep-oldest.down-if-alone = off" : "")}}
          }
        }
        """)).WithFallback(settings.Akka);

    private static string NameOf<T>() => $"{typeof(T).FullName}, {typeof(T).Assembly.GetName().Name}";
}
