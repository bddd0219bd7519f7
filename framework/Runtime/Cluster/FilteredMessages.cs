using Akka.Actor;
using Akka.Remote.Serialization;
using Akka.Serialization;

namespace Pipeline.Runtime.Cluster;

/// <summary>Akka's format for its own small messages, cut down to what peers need: to find an actor, to pass a reference, to watch
/// a node. Untrusted mode lets Kill through, and the format can name an exception's type to make.</summary>
public sealed class FilteredMessages(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private static readonly string[] Allowed = ["ID", "AID", "AR", "RWHB", "RWHR"];

    // Not before a message comes: the settings serve actor systems without remoting too.
    private readonly Lazy<MiscMessageSerializer> akkas = new(() => new MiscMessageSerializer(system));

    public override int Identifier => 16;

    public override string Manifest(object o) => akkas.Value.Manifest(o);

    public override byte[] ToBinary(object obj) => akkas.Value.ToBinary(obj);

    public override object FromBinary(byte[] bytes, string manifest) => Allowed.Contains(manifest)
        ? akkas.Value.FromBinary(bytes, manifest)
        : throw RefusingSerializer.Refuse(system, Refusals.Untrusted, "a message of Akka's of a kind that is not for peers");
}
