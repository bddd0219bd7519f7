using Akka.Actor;
using Akka.Configuration;

namespace Pipeline.Runtime.Cluster;

/// <summary>In the place of Newtonsoft, which makes an object of any type that the sender names and calls its setters.</summary>
public sealed class RefusedJson(ExtendedActorSystem system)
    : RefusingSerializer(system, identifier: 1, Refusals.Serializer, "a message that names the type to make of it")
{
    /// <summary>Akka hands the settings of its own JSON to whatever stands there.</summary>
    public RefusedJson(ExtendedActorSystem system, Config settings) : this(system) => _ = settings;
}
