using Akka.Actor;

namespace Pipeline.Runtime.Cluster;

/// <summary>In the place of the serializer of remote deployments, which loads the type of the actor to be created.</summary>
public sealed class RefusedDeployment(ExtendedActorSystem system)
    : RefusingSerializer(system, identifier: 3, Refusals.Deployment, "an actor to be created here");
