using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Actor;
using Akka.Serialization;
using Pipeline.Core.Schedules;

namespace Pipeline.Runtime.Cluster;

/// <summary>Control messages as JSON (UTF-8). A message's manifest is the plain name of its record, looked up among the
/// <see cref="IControlMessage"/>s of this assembly. Size is bounded by the frame size in cluster.hocon.</summary>
internal sealed class ControlSerializer : SerializerWithStringManifest
{
    private static readonly Dictionary<string, Type> Types = typeof(IControlMessage).Assembly.GetTypes()
        .Where(type => type.IsAssignableTo(typeof(IControlMessage)) && type.IsClass)
        .ToDictionary(type => type.Name, StringComparer.Ordinal);

    private readonly JsonSerializerOptions options;

    public ControlSerializer(ExtendedActorSystem system)
        : base(system) => options = new()
        {
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,   // a loss may be NaN
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            Converters = { new ActorRefConverter(system), new ActionConverter() },
        };

    /// <summary>Akka keeps 0 to 40 for its own.</summary>
    public override int Identifier => 4711;

    public override string Manifest(object o) => o.GetType().Name;

    public override byte[] ToBinary(object obj) => JsonSerializer.SerializeToUtf8Bytes(obj, obj.GetType(), options);

    public override object FromBinary(byte[] bytes, string manifest)
    {
        try
        {
            return Types.TryGetValue(manifest, out var type)
                ? JsonSerializer.Deserialize(bytes, type, options) ?? throw new JsonException("it is null")
                : throw new JsonException("there is no such message");
        }
        catch (Exception problem) when (problem is JsonException or NotSupportedException or FormatException or ArgumentException)
        {
            throw new System.Runtime.Serialization.SerializationException($"A {manifest} that is none was refused: {problem.Message}", problem);
        }
    }

    private sealed class ActorRefConverter(ExtendedActorSystem system) : JsonConverter<IActorRef>
    {
        public override IActorRef Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            system.Provider.ResolveActorRef(reader.GetString());

        public override void Write(Utf8JsonWriter writer, IActorRef value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Serialization.SerializedActorPath(value));
    }

    private sealed class ActionConverter : JsonConverter<PipelineAction>
    {
        public override PipelineAction Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            PipelineAction.Parse(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, PipelineAction value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
