using System.Runtime.Serialization;
using Akka.Actor;

namespace Pipeline.Runtime.Cluster;

/// <summary>Takes the place of a serializer of Akka's that would do as a peer says: it reads nothing and writes nothing.</summary>
public abstract class RefusingSerializer(ExtendedActorSystem system, int identifier, string reason, string what) : Akka.Serialization.Serializer(system)
{
    /// <summary>Stands in every exception for a refused message: Akka puts it into its own log.</summary>
    internal const string Unread = "was dropped unread";

    public override int Identifier => identifier;

    public override bool IncludeManifest => false;

    /// <summary>For a message of our own that no serializer was written for.</summary>
    public override byte[] ToBinary(object obj) => throw new SerializationException($"{obj.GetType()} has no serializer of its own, and none is used in its stead.");

    // A SerializationException drops the message alone; anything else would end the connection.
    public override object FromBinary(byte[] bytes, Type type) => throw Refuse(system, reason, what);

    /// <summary>Counts a message that is not read.</summary>
    internal static SerializationException Refuse(ExtendedActorSystem system, string reason, string what)
    {
        var sentence = $"{what} {Unread}.";
        ClusterLogSetup.Of(system)?.Refusals.Add(reason, sentence);
        return new SerializationException(sentence);
    }
}
