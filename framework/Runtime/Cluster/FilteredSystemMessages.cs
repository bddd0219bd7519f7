using Akka.Actor;
using Akka.Dispatch.SysMsg;
using Akka.Remote.Serialization;
using Akka.Serialization;

namespace Pipeline.Runtime.Cluster;

/// <summary>Akka's format for its commands to actors, cut down to watching: a peer stops and restarts no actor here.</summary>
public sealed class FilteredSystemMessages(ExtendedActorSystem system) : Serializer(system)
{
    private static readonly Type[] Allowed = [typeof(Watch), typeof(Unwatch), typeof(DeathWatchNotification)];

    private readonly Lazy<SystemMessageSerializer> akkas = new(() => new SystemMessageSerializer(system));

    public override int Identifier => 22;

    public override bool IncludeManifest => true;

    public override byte[] ToBinary(object obj) => akkas.Value.ToBinary(obj);

    public override object FromBinary(byte[] bytes, Type type) => Allowed.Contains(type)
        ? akkas.Value.FromBinary(bytes, type)
        : throw RefusingSerializer.Refuse(system, Refusals.Untrusted, "a command to an actor");
}
