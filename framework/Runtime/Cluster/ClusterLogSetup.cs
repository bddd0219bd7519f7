using Akka.Actor;
using Akka.Actor.Setup;
using Microsoft.Extensions.Logging;

namespace Pipeline.Runtime.Cluster;

/// <summary>Hands a node's log and its count of refusals to what Akka creates by name: the logger and the serializers.</summary>
internal sealed class ClusterLogSetup(ILogger log, Refusals refusals) : Setup
{
    public ILogger Log => log;

    public Refusals Refusals => refusals;

    /// <returns>Null in an actor system that is no cluster's node.</returns>
    public static ClusterLogSetup? Of(ActorSystem system)
    {
        var setup = system.Settings.Setup.Get<ClusterLogSetup>();
        return setup.HasValue ? setup.Value : null;
    }
}
