using System.Globalization;
using System.Security.Cryptography;
using Pipeline.Core;

namespace Pipeline.Runtime.Runs;

/// <summary>A run directory belongs to one coordinator. <c>run.lock</c> keeps other runs out for as long as its process lives; <c>run.owner</c> says which run it is and
/// since which epoch it has this coordinator, so that one that was replaced while it stood still finds that out.</summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>How Linux, macOS and Windows say that another has a file.</summary>
    private static readonly int[] Taken = [11, 35, unchecked((int)0x80070020)];

    private readonly string root;
    private readonly FileStream held;
    private string? owner;

    private RunLock(string root, FileStream held) => (this.root, this.held) = (root, held);

    /// <summary>A run has used the directory.</summary>
    public static bool Exists(string root) => File.Exists(PathOf(root, "lock"));

    /// <param name="inUse">What to say where another run has it.</param>
    /// <exception cref="BadInputException">Another run has it.</exception>
    public static RunLock Take(string root, string inUse)
    {
        try
        {
            return new(root, Open(PathOf(root, "lock")));
        }
        catch (IOException taken) when (Taken.Contains(taken.HResult))
        {
            throw new BadInputException(inUse, taken);
        }
    }

    /// <summary>For the same run in a newer epoch: whoever held the directory before holds files that are not in it any more.</summary>
    /// <exception cref="RunTakenOverException">It is another run's, or in this epoch already.</exception>
    public static RunLock TakeOver(string root, Guid run, long epoch)
    {
        var before = Owner(root).Split(' ');
        if (before is not [var name, var since] || name != NameOf(run) || long.Parse(since, CultureInfo.InvariantCulture) >= epoch)
        {
            throw new RunTakenOverException($"{root} does not belong to this run any more, or has another coordinator since.");
        }

        var next = PathOf(root, $"lock.{epoch}");
        var taken = new RunLock(root, Open(next));
        taken.Own(run, epoch);
        File.Move(next, PathOf(root, "lock"), overwrite: true);
        return taken;
    }

    /// <summary>Writes down whose the directory is.</summary>
    public void Own(Guid run, long epoch)
    {
        owner = string.Create(CultureInfo.InvariantCulture, $"{NameOf(run)} {epoch}");
        var next = PathOf(root, $"owner.{epoch}");
        File.WriteAllText(next, owner);
        File.Move(next, PathOf(root, "owner"), overwrite: true);
    }

    /// <exception cref="RunTakenOverException">Another coordinator has taken the directory over.</exception>
    public void Check()
    {
        if (owner is not null && Owner(root) != owner)
        {
            throw new RunTakenOverException("Another coordinator has taken the run over; this one ends.");
        }
    }

    public void Dispose() => held.Dispose();

    private static FileStream Open(string path) => new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    private static string Owner(string root) => File.Exists(PathOf(root, "owner")) ? File.ReadAllText(PathOf(root, "owner")) : "";

    private static string PathOf(string root, string what) => Path.Combine(root, $"run.{what}");

    /// <summary>The run's secret is not for everybody who may read the folder.</summary>
    private static string NameOf(Guid run) => Convert.ToHexStringLower(SHA256.HashData(run.ToByteArray()).AsSpan(0, 8));
}

/// <summary>What this process does for a run counts no more: another has its place.</summary>
internal sealed class RunTakenOverException(string message) : IOException(message);
