using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Pipeline.Runtime.Runs;
using Pipeline.Stages.Transformer;
using Pipeline.Tensors.Operators;

namespace Pipeline.Runtime.Tests.Architecture;

/// <summary>Numbers reach libtorch through <see cref="Arithmetic"/> alone, which says why.</summary>
public class ScalarTests
{
    /// <summary>Of torch.Tensor: with a tensor alone they make a scalar inside.</summary>
    private static readonly string[] WithHiddenScalar = ["op_Addition", "op_Subtraction", "add", "add_", "sub", "sub_", "subtract", "subtract_"];

    [Fact]
    public void No_other_code_makes_scalars_that_the_garbage_collector_may_take_during_a_call()
    {
        var calls = new[] { typeof(Arithmetic), typeof(Gpt2), typeof(TrainingRun) }.SelectMany(type => Calls(type.Assembly.Location)).ToArray();
        Assert.Contains(calls, call => call is ("Arithmetic", "Scalar.op_Implicit"));
        Assert.DoesNotContain(calls, call => call.Caller != nameof(Arithmetic));
    }

    private static IEnumerable<(string Caller, string Called)> Calls(string path)
    {
        using var image = new PEReader(File.OpenRead(path));
        var metadata = image.GetMetadataReader();
        var unsafeCalls = metadata.MemberReferences.Where(handle => IsUnsafe(metadata, handle))
            .ToDictionary(handle => MetadataTokens.GetToken(handle), handle => NameOf(metadata, handle));
        foreach (var method in metadata.MethodDefinitions.Select(metadata.GetMethodDefinition).Where(method => method.RelativeVirtualAddress != 0))
        {
            var code = image.GetMethodBody(method.RelativeVirtualAddress).GetILBytes()!;
            for (var at = 0; at + 4 < code.Length; at++)
            {
                // call and callvirt, followed by what they call
                if (code[at] is 0x28 or 0x6F && unsafeCalls.TryGetValue(BitConverter.ToInt32(code, at + 1), out var called))
                {
                    yield return (metadata.GetString(metadata.GetTypeDefinition(method.GetDeclaringType()).Name), called);
                }
            }
        }
    }

    private static bool IsUnsafe(MetadataReader metadata, MemberReferenceHandle handle)
    {
        var name = NameOf(metadata, handle);
        return name is "Scalar.op_Implicit" or "ScalarExtensionMethods.ToScalar"
            || (WithHiddenScalar.Any(method => name == $"Tensor.{method}" || name == $"torch.{method}") && !TakesScalar(metadata, handle));
    }

    private static bool TakesScalar(MetadataReader metadata, MemberReferenceHandle handle)
    {
        var signature = metadata.GetBlobBytes(metadata.GetMemberReference(handle).Signature);
        return metadata.TypeReferences.Where(type => metadata.GetString(metadata.GetTypeReference(type).Name) == "Scalar").Any(type =>
        {
            var token = new BlobBuilder();
            token.WriteCompressedInteger(CodedIndex.TypeDefOrRef(type));
            return signature.AsSpan().IndexOf(token.ToArray()) >= 0;
        });
    }

    private static string NameOf(MetadataReader metadata, MemberReferenceHandle handle)
    {
        var member = metadata.GetMemberReference(handle);
        var parent = member.Parent.Kind == HandleKind.TypeReference
            ? metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)member.Parent).Name)
            : "";
        return $"{parent}.{metadata.GetString(member.Name)}";
    }
}
