using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace Pipeline.Tensors.Operators;

/// <summary>Calls operators that TorchSharp does not wrap through libtorch's stable C interface (torch/csrc/stable, libtorch 2.10 and
/// newer). Autograd records them like any other operator. A failing call would print to standard error and give no reason,
/// so callers check shapes and types first.</summary>
internal static unsafe partial class Dispatcher
{
    private const string Library = "torch_cpu";

    /// <summary>The interface version that the argument encoding below follows (2.10).</summary>
    private const ulong AbiVersion = 0x020a_0000_0000_0000;

    public static readonly byte[] Default = [0];

    public static byte[] Name(string qualified) => Encoding.ASCII.GetBytes(qualified + '\0');

    /// <summary>Calls an operator in place: arguments in, results out, on <paramref name="stack"/>.</summary>
    public static void Call(byte[] name, byte[] overload, Span<ulong> stack)
    {
        fixed (byte* operatorName = name, overloadName = overload)
        fixed (ulong* arguments = stack)
        {
            if (torch_call_dispatcher(operatorName, overloadName, arguments, AbiVersion) != 0)
            {
                throw new InvalidOperationException($"libtorch refused a call of {Encoding.ASCII.GetString(name.AsSpan(0, name.Length - 1))}; standard error has its reason.");
            }
        }
    }

    /// <summary>A tensor argument: a new reference, which the call takes.</summary>
    public static ulong Argument(Tensor tensor)
    {
        Check(aoti_torch_new_tensor_handle(tensor.Handle, out var handle));
        return (ulong)handle;
    }

    public static ulong Argument(double value) => BitConverter.DoubleToUInt64Bits(value);

    public static ulong Argument(bool value) => value ? 1UL : 0UL;

    /// <summary>A <c>Tensor?</c> argument. The callee frees the cell, which libtorch would have made with <c>new</c>, that is, <c>malloc</c>.</summary>
    public static ulong Optional(Tensor? tensor)
    {
        if (tensor is null)
        {
            return 0;
        }

        var cell = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        *cell = Argument(tensor);
        return (ulong)cell;
    }

    /// <summary>A <c>Tensor[]</c> argument; the call takes the list.</summary>
    public static ulong Argument(IReadOnlyList<Tensor> tensors)
    {
        Check(torch_new_list_reserve_size((nuint)tensors.Count, out var list));
        foreach (var tensor in tensors)
        {
            Check(torch_list_push_back(list, Argument(tensor)));
        }

        return (ulong)list;
    }

    /// <summary>A tensor result, now owned by the caller's dispose scope.</summary>
    public static Tensor Result(ulong value) => Tensor.UnsafeCreateTensor((nint)value);

    private static void Check(int code)
    {
        if (code != 0)
        {
            throw new InvalidOperationException("libtorch's C interface failed; standard error has its reason.");
        }
    }

    [LibraryImport(Library)]
    private static partial int torch_call_dispatcher(byte* name, byte* overload, ulong* stack, ulong version);

    [LibraryImport(Library)]
    private static partial int aoti_torch_new_tensor_handle(nint tensor, out nint handle);

    [LibraryImport(Library)]
    private static partial int torch_new_list_reserve_size(nuint size, out nint list);

    [LibraryImport(Library)]
    private static partial int torch_list_push_back(nint list, ulong element);
}
