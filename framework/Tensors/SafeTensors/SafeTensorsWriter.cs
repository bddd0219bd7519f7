using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Pipeline.Core;
using static TorchSharp.torch;

namespace Pipeline.Tensors.SafeTensors;

/// <summary>A file as it was written.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Of the whole file, in lower-case hexadecimal digits.</param>
public sealed record WrittenFile(long Bytes, string Sha256);

/// <summary>Writes safetensors files in the format's canonical form: metadata first, tensors by falling alignment, then by name, so
/// that the same tensors give the same bytes in whatever order they come.</summary>
public static class SafeTensorsWriter
{
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Between two calls of whoever is told of the progress.</summary>
    private const int ReportedBytes = 4 << 10;

    /// <summary>Writes tensor after tensor, aside; the file appears under its name when it is whole and on the disk.</summary>
    /// <param name="progress">Called after every 4 KiB or so with the bytes written so far and the bytes of all; an <see cref="IOException"/> of its is one of the disk's.</param>
    /// <exception cref="BadInputException">A name or a type is not allowed, or the file cannot be written.</exception>
    public static WrittenFile Write(
        string path, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string>? metadata = null,
        Action<long, long>? progress = null)
    {
        Check(path, tensors, metadata ?? new Dictionary<string, string>());
        (string Name, Tensor Value)[] ordered =
            [.. tensors.OrderByDescending(row => ElementTypes.Rank(row.Value.dtype)).ThenBy(row => row.Name, Utf8Order.Instance)];
        var aside = $"{path}.{Guid.NewGuid():N}.partial";
        try
        {
            WrittenFile written;
            using (var file = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                written = Write(file, Header(path, ordered, metadata), ordered, progress);
            }

            File.Move(aside, path, overwrite: true);
            return written;
        }
        catch (Exception problem)
        {
            TryDelete(aside);
            if (problem is IOException or UnauthorizedAccessException)
            {
                throw new BadInputException($"'{path}' cannot be written: {problem.Message.TrimEnd('.')}.", problem);
            }

            throw;
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What it is deleted for is the failure to be told.
        }
    }

    private static WrittenFile Write(FileStream file, ReadOnlySpan<byte> header, (string Name, Tensor Value)[] tensors, Action<long, long>? progress)
    {
        var all = header.Length + tensors.Sum(row => row.Value.numel() * row.Value.ElementSize);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append(ReadOnlySpan<byte> bytes)
        {
            for (var length = progress is null ? bytes.Length : ReportedBytes; !bytes.IsEmpty; bytes = bytes[Math.Min(length, bytes.Length)..])
            {
                progress?.Invoke(file.Position, all);
                var piece = bytes[..Math.Min(length, bytes.Length)];
                hash.AppendData(piece);
                file.Write(piece);
            }
        }

        Append(header);
        foreach (var (_, value) in tensors)
        {
            TensorBytes.Read(value, Append);
        }

        progress?.Invoke(file.Position, all);
        file.Flush(flushToDisk: true);
        return new WrittenFile(file.Length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static byte[] Header(
        string path, (string Name, Tensor Value)[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write(stackalloc byte[SafeTensorsHeader.PrefixSize]);  // the header's size, known at the end
        using (var json = new Utf8JsonWriter(buffer, Json))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafeTensorsHeader.MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(row => row.Key, Utf8Order.Instance))
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            var offset = 0L;
            foreach (var (name, value) in tensors)
            {
                offset = WriteEntry(json, name, value, offset);
            }

            json.WriteEndObject();
        }

        // The data begin at a multiple of 8, so that whoever maps the file finds every tensor aligned.
        buffer.Write("        "u8[..(-buffer.WrittenCount & 7)]);
        var header = buffer.WrittenSpan.ToArray();
        if (header.Length - SafeTensorsHeader.PrefixSize > SafeTensorsHeader.LongestHeader)
        {
            throw Refuse(path, $"its header would be longer than {SafeTensorsHeader.LongestHeader} bytes");
        }

        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - SafeTensorsHeader.PrefixSize));
        return header;
    }

    private static long WriteEntry(Utf8JsonWriter json, string name, Tensor value, long begin)
    {
        var end = begin + (value.numel() * value.ElementSize);
        json.WriteStartObject(name);
        json.WriteString("dtype", ElementTypes.Word(value.dtype));
        json.WriteStartArray("shape");
        foreach (var dimension in value.shape)
        {
            json.WriteNumberValue(dimension);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
        return end;
    }

    private static void Check(string path, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, value) in tensors)
        {
            if (name.Length == 0 || name == SafeTensorsHeader.MetadataKey || name.Any(char.IsControl) || !IsUnicode(name))
            {
                throw Refuse(path, $"a tensor may not be named '{SafeTensorsHeader.Shown(name)}'");
            }

            if (!names.Add(name))
            {
                throw Refuse(path, $"two tensors are named '{name}'");
            }

            if (!ElementTypes.IsKnown(value.dtype))
            {
                throw Refuse(path, $"tensor '{name}' has the type {value.dtype}; allowed are {ElementTypes.Allowed}");
            }

            if (value.dim() > SafeTensorsHeader.MostDimensions)
            {
                throw Refuse(path, $"tensor '{name}' has {value.dim()} dimensions; allowed are {SafeTensorsHeader.MostDimensions}");
            }
        }

        if (metadata.FirstOrDefault(row => !IsUnicode(row.Key) || !IsUnicode(row.Value)) is { Key: { } key })
        {
            throw Refuse(path, $"the metadata '{key}' has half of a surrogate pair");
        }
    }

    private static BadInputException Refuse(string path, string problem) => new($"'{path}' cannot be written: {problem}.");

    private static bool IsUnicode(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var used) != OperationStatus.Done)
            {
                return false;
            }

            rest = rest[used..];
        }

        return true;
    }
}
