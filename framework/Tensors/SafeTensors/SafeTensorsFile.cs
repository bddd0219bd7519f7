using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Pipeline.Core;
using static TorchSharp.torch;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>A safetensors file opened for reading. Opening reads and checks the header alone; a tensor's bytes are read when it is
/// asked for, also from several threads at once.</summary>
public sealed class SafeTensorsFile : IDisposable
{
    private readonly SafeFileHandle file;
    private readonly SafeTensorsHeader header;
    private readonly long dataStart;

    private SafeTensorsFile(string path, SafeFileHandle file)
    {
        (Path, this.file) = (path, file);
        var length = RandomAccess.GetLength(file);
        if (length < SafeTensorsHeader.PrefixSize)
        {
            throw Bad($"it has {length} bytes, fewer than the {SafeTensorsHeader.PrefixSize} that give its header's size");
        }

        Span<byte> prefix = stackalloc byte[SafeTensorsHeader.PrefixSize];
        ReadExactly(prefix, 0);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (size > SafeTensorsHeader.LongestHeader)
        {
            throw Bad($"its header would have {size} bytes; allowed are {SafeTensorsHeader.LongestHeader}");
        }

        if ((long)size > length - prefix.Length)
        {
            throw Bad($"its header would have {size} bytes but the file ends after {length - prefix.Length} of them");
        }

        var text = new byte[size];
        ReadExactly(text, prefix.Length);
        dataStart = prefix.Length + text.Length;
        header = SafeTensorsHeader.Parse(text, path, length - dataStart);
    }

    public string Path { get; }

    /// <summary>By name, in the order of their bytes.</summary>
    public IReadOnlyDictionary<string, SafeTensorsEntry> Entries => header.Entries;

    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <exception cref="BadInputException">It cannot be read, or breaks a rule of the format.</exception>
    public static SafeTensorsFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path);
            return new SafeTensorsFile(path, handle);
        }
        catch (Exception problem)
        {
            handle?.Dispose();
            if (problem is IOException or UnauthorizedAccessException or NotSupportedException)
            {
                throw Unreadable(path, problem);
            }

            throw;
        }
    }

    /// <summary>A new tensor on the CPU, the caller's to dispose.</summary>
    public Tensor Read(string name)
    {
        var entry = Find(name);
        var tensor = empty([.. entry.Shape], entry.Type, CPU);
        try
        {
            Fill(entry, tensor);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Overwrites a tensor of exactly the same type and shape, on any device; nothing is converted or broadcast.
    /// When reading fails half-way, the destination is left half overwritten.</summary>
    public void ReadInto(string name, Tensor destination)
    {
        var entry = Find(name);
        if (destination.dtype != entry.Type || !destination.shape.AsSpan().SequenceEqual([.. entry.Shape]))
        {
            throw new BadInputException(
                $"Tensor '{name}' of '{Path}' is {Describe(entry.Type, entry.Shape)}, " +
                $"but {Describe(destination.dtype, destination.shape)} is needed.");
        }

        if (destination.is_contiguous())
        {
            Fill(entry, destination);
            return;
        }

        using var gradientsOff = no_grad();
        using var contiguous = Read(name);
        destination.copy_(contiguous);
    }

    /// <summary>Overwrites a contiguous tensor of the same type and any shape, on any device, with a tensor's elements from
    /// <paramref name="start"/> on, in C order. No others are read.</summary>
    public void ReadInto(string name, long start, Tensor destination)
    {
        var entry = Find(name);
        var size = ElementTypes.Size(entry.Type);
        if (destination.dtype != entry.Type || start < 0 || destination.numel() > (entry.Bytes / size) - start)
        {
            throw new BadInputException(
                $"Tensor '{name}' of '{Path}' is {Describe(entry.Type, entry.Shape)}, " +
                $"but elements {start} to {start + destination.numel()} of {Word(destination.dtype)} are needed.");
        }

        Fill(entry, destination, start * size);
    }

    public void Dispose() => file.Dispose();

    private SafeTensorsEntry Find(string name) => Entries.TryGetValue(name, out var entry)
        ? entry
        : throw new BadInputException($"'{Path}' has no tensor '{name}'.");

    /// <param name="offset">Bytes of the entry to pass over.</param>
    private void Fill(SafeTensorsEntry entry, Tensor tensor, long offset = 0)
    {
        var position = dataStart + entry.Begin + offset;
        TensorBytes.Fill(tensor, piece =>
        {
            ReadExactly(piece, position);
            position += piece.Length;
            // libtorch's behaviour is undefined for any other byte.
            if (entry.Type == ScalarType.Bool && piece.ContainsAnyExceptInRange((byte)0, (byte)1))
            {
                throw Bad($"tensor '{SafeTensorsHeader.Shown(entry.Name)}' is BOOL but has bytes other than 0 and 1");
            }
        });
    }

    private void ReadExactly(Span<byte> destination, long position)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                var read = RandomAccess.Read(file, destination, position);
                if (read == 0)
                {
                    throw Bad("it has become shorter since it was opened");
                }

                destination = destination[read..];
                position += read;
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(Path, problem);
        }
    }

    private static string Describe(ScalarType type, IEnumerable<long> shape) =>
        $"{Word(type)} [{string.Join(", ", shape)}]";

    private static string Word(ScalarType type) => ElementTypes.IsKnown(type) ? ElementTypes.Word(type) : type.ToString();

    private BadInputException Bad(string problem) => SafeTensorsHeader.Bad(Path, problem);

    private static BadInputException Unreadable(string path, Exception problem) =>
        new($"The safetensors file '{path}' cannot be read: {problem.Message.TrimEnd('.')}.", problem);
}
