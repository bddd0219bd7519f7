using System.Text.Json;
using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>What terminals of a cluster of one node see and ask for.</summary>
public sealed class TerminalTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder folder = new();
    private readonly Command node;
    private readonly string address;

    public TerminalTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 3000).Select(i => i * 7919 % 1000)));
        File.WriteAllText(folder.File("job.hocon"), """
            job   { name = small, steps = 100000, directory = run }
            model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
            data  { files = text.txt }
            batch { sequences = 4, micro-batches = 2 }
            evaluation { every = 0 }
            """);
        node = Command.Start(folder.Path, "node", "--port", "0", "--name", "alpha", "--devices", "cpu");
        address = node.ReadLine().Split(' ')[^1].TrimEnd('.');
    }

    public void Dispose()
    {
        node.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_has_not_begun_is_stopped_for_all_its_terminals(bool fromTheOther)
    {
        using var train = Command.Start(folder.Path, "train", "job.hocon", "--join", address, "--nodes", "3");
        using var attached = WhenRunIsThere();
        if (fromTheOther)
        {
            Check(Command.Run(folder.Path, "attach", "--join", address, "--stop"));
        }
        else
        {
            train.Signal("INT");
        }

        Check(train.Finish());
        Check(attached.Finish());

        // Terminals that come and go so soon after each other may find that worth a line.
        static void Check((int Code, string Output, string Errors) ended)
        {
            Assert.True(ended.Code == 130, ended.Errors);
            Assert.Contains("The run was stopped before it began.\n", ended.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_run_is_found_by_its_folder_and_the_end_of_the_nodes_terminal_leaves_a_checkpoint()
    {
        Directory.CreateDirectory(folder.File("run"));   // which is not a run to be moved aside
        var (code, output, errors) = Command.Run(folder.Path, "train", "job.hocon", "--join", address, "--host", "localhost", "--detach");
        Assert.True(code == 0, errors);
        Assert.Contains($"The run goes on; pipeline attach --join {address} --host localhost small shows it.", output, StringComparison.Ordinal);
        Assert.Equal(["job.hocon", "run", "text.txt"], Directory.EnumerateFileSystemEntries(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        var (step, isShown) = (new ManualResetEventSlim(), false);
        using (var attached = Command.Start(folder.Path, line => Look(line, "step ", step), ["attach", "--join", address, "--json", "./run/"]))
        {
            isShown = step.Wait(Soon, TestContext.Current.CancellationToken);
            attached.Signal("INT");
            (code, output, errors) = attached.Finish();
        }

        Assert.True(isShown && code == 0, errors);
        var left = JsonDocument.Parse(output).RootElement;
        Assert.Equal(("small", folder.File("run")), (left.GetProperty("name").GetString(), left.GetProperty("directory").GetString()));

        node.Signal("HUP");
        (code, _, errors) = node.Finish();
        Assert.Equal((0, ""), (code, errors));
        Assert.NotEmpty(Directory.EnumerateDirectories(folder.File("run/checkpoints")));
    }

    /// <summary>A terminal that has found the run and waits for it.</summary>
    private Command WhenRunIsThere()
    {
        while (true)
        {
            var waits = new ManualResetEventSlim();
            var attached = Command.Start(folder.Path, line => Look(line, "The run has not begun yet.", waits), ["attach", "--join", address]);
            while (!attached.HasEnded)
            {
                if (waits.Wait(TimeSpan.FromMilliseconds(20), TestContext.Current.CancellationToken))
                {
                    return attached;
                }
            }

            attached.Dispose();   // it was not there yet
        }
    }

    private static void Look(string line, string beginning, ManualResetEventSlim seen)
    {
        if (line.StartsWith(beginning, StringComparison.Ordinal))
        {
            seen.Set();
        }
    }
}
