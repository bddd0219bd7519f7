namespace Pipeline.Core;

/// <summary>A file from an untrusted place, read whole but never further than it may be long.</summary>
public static class BoundedFile
{
    /// <param name="largest">Bytes that it may have.</param>
    /// <exception cref="BadInputException">It is missing, cannot be read, or is larger.</exception>
    public static byte[] Read(string path, int largest)
    {
        try
        {
            // A device or a growing file does not say how long it is.
            using var file = File.OpenRead(path);
            using var bytes = new MemoryStream();
            var block = new byte[1 << 16];
            for (int count; (count = file.Read(block)) > 0;)
            {
                bytes.Write(block.AsSpan(0, count));
                if (bytes.Length > largest)
                {
                    throw new BadInputException($"{path} is longer than {ByteSize.Format(largest)}, which is the most that it may have.");
                }
            }

            return bytes.ToArray();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path} cannot be read: {problem.Message.TrimEnd('.')}.", problem);
        }
    }
}
