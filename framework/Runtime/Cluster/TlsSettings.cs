namespace Pipeline.Runtime.Cluster;

/// <param name="Directory">Holds authority.pem, node.pem and node.key; empty for a cluster without TLS.</param>
public sealed record TlsSettings(string Directory = "")
{
    /// <summary>As a file in that folder means it.</summary>
    internal TlsSettings RelativeTo(string folder) => Directory.Length == 0 ? this : new TlsSettings(Path.Combine(folder, Directory));
}
