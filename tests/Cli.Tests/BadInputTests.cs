using Pipeline.Tests;

namespace Pipeline.Cli.Tests;

/// <summary>Each wrong command line or job ends with exit code 2 and exactly one plain sentence, before anything is started.
/// (Every kind of wrong key and value is in the tests of the job file's reader; here are those that take the whole command.)</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public BadInputTests()
    {
        File.WriteAllText(folder.File("text.txt"), string.Join(' ', Enumerable.Range(0, 300)));
        File.WriteAllText(folder.File("short.txt"), "short");
        File.WriteAllText(folder.File("empty.txt"), "");
        File.WriteAllBytes(folder.File("binary.bin"), [0x41, 0xFF, 0x42]);
        Directory.CreateDirectory(folder.File("mine"));
        File.WriteAllText(folder.File("mine/thesis.txt"), "");
        File.WriteAllText(folder.File("job.hocon"), """
            job   { steps = 1, directory = run }
            model { architecture = gpt2, layers = 2, width = 16, heads = 2, context = 16 }
            data  { files = text.txt }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("", "Name a command: train, attach, generate, evaluate, plan, schedule, simulate, bench, inspect, checkpoint, tokenize, import, export, verify, node, nodes, doctor or certificates; pipeline --help says more.")]
    [InlineData("tain job.hocon", "tain is not a command; did you mean train?")]
    [InlineData("train", "train: Required argument 'JOB' missing for command: 'train'.")]
    [InlineData("train job.hocon more", "train: more is one argument too many; pipeline train --help says what it takes.")]
    [InlineData("train job.hocon --jsn", "train: --jsn is not an option; did you mean --json?")]
    [InlineData("train job.hocon --set", "train: Required argument missing for option: '--set'.")]
    [InlineData("train job.hocon --nodes 2", "--nodes says how many nodes of a cluster to wait for; it needs --join.")]
    [InlineData("train job.hocon --join localhost:1 --nodes 0", "--nodes must be at least 1, not 0.")]
    [InlineData("train missing.hocon", "missing.hocon: there is no such file.")]
    [InlineData("train mine", "mine: this is a folder, and a job file is needed.")]
    [InlineData("train job.hocon --set job.steps", "--set job.steps: write it as KEY=VALUE, such as --set job.steps=100.")]
    [InlineData("train job.hocon --set job.stps=3", "--set: job.stps is not a key of job; did you mean steps?")]
    [InlineData("train job.hocon --set job.steps=0", "--set: job.steps must be a whole number of at least 1, not \"0\".")]
    [InlineData("train job.hocon --set model.heads=3", "--set: model.heads is 3, which does not divide model.width 16; allowed are the divisors of the width.")]
    [InlineData("train job.hocon --set batch.micro-batches=5", "--set: batch.sequences must be a multiple of batch.micro-batches, which is 5, not 12.")]
    [InlineData("train job.hocon --set parallel.stages=3", "--set: parallel.stages must be at most model.layers, which is 2, not 3.")]
    [InlineData("train job.hocon --set data.files=nothing.txt", "data.files: there is no file $/nothing.txt.")]
    [InlineData("train job.hocon --set data.files=*.md", "data.files: no file matches *.md in $.")]
    [InlineData("train job.hocon --set data.files=empty.txt", "data.files: $/empty.txt is empty.")]
    [InlineData("train job.hocon --set data.files=short.txt", "data.files: the training part has 5 tokens, too few for model.context = 16; at least 17 are needed.")]
    [InlineData(
        "train job.hocon --set data.files=binary.bin --set data.tokenizer=chars",
        "$/binary.bin is not UTF-8 text (byte 1), which the tokenizer chars needs; use data.tokenizer = bytes for any file.")]
    [InlineData("train job.hocon --set job.directory=text.txt", "job.directory: $/text.txt is a file; a folder is needed.")]
    [InlineData(
        "train job.hocon --set job.directory=mine", "job.directory: $/mine is not a run directory (it has no events.jsonl); choose an empty or a new folder.")]
    [InlineData("train job.hocon --set device=cuda:7", "device is cuda:7, but libtorch finds no CUDA device here; pipeline doctor says what it finds.")]
    [InlineData("train job.hocon --resume", "--resume: there is no whole checkpoint in $/run/checkpoints; name a run that has one, or start anew without --resume.")]
    [InlineData("train job.hocon --processes 0", "--processes must be from 1 to 256, not 0.")]
    [InlineData("train job.hocon --processes 2 --join 127.0.0.1:1", "--processes makes a cluster of its own and --join uses another; give one of them.")]
    [InlineData(
        "train job.hocon --join 192.0.2.1:4053", "--join: 192.0.2.1:4053 is another machine, which cannot reach this one at 127.0.0.1; say with --host by what name it can.")]
    [InlineData(
        "train job.hocon --set parallel.placement=[a/cpu]", "parallel.placement names nodes of a cluster; it needs --join or --processes.")]
    [InlineData("train job.hocon --set parallel.replicas=3", "--set: batch.micro-batches must be a multiple of parallel.replicas, which is 3, not 4.")]
    [InlineData("node --devices tpu", "pipeline.node.devices must be auto, or some of cpu, cuda and cuda:N, not \"tpu\".")]
    [InlineData("nodes", "nodes: Option '--join' is required.")]
    [InlineData("certificates", "certificates: Option '--directory' is required.")]
    [InlineData("certificates --directory text.txt", "--directory: text.txt is a file; a folder is needed.")]
    [InlineData("certificates --directory c --host a_b..c", "--host must be a host name or an IP address, not \"a_b..c\".")]
    [InlineData("certificates --directory c --host ../x", "--host must be a host name or an IP address, not \"../x\".")]
    [InlineData("certificates --directory . --host mine", "./mine exists already; remove it first if mine shall get a new certificate.")]
    [InlineData("doctor --jason", "doctor: --jason is not an option; did you mean --json?")]
    public void Bad_input_gets_one_plain_sentence(string line, string sentence)
    {
        var (code, output, errors) = Command.Run(folder.Path, line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(sentence.Replace("$", folder.Path, StringComparison.Ordinal) + "\n", errors);
        Assert.Equal((2, ""), (code, output));
        Assert.False(Directory.Exists(folder.File("run")));
    }
}
