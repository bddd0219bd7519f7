using Pipeline.Core;
using Pipeline.Runtime.Jobs;

namespace Pipeline.Runtime.Tests.Jobs;

/// <summary>Every mistake has a sentence of its own that says what, where, and what is allowed.</summary>
public sealed class WrongJobTests : IDisposable
{
    private readonly JobFolder folder = new();

    [Theory]
    // What is wrong with the text.
    [InlineData("x", ", line 1: x must be followed by = and a value, or by a section.")]
    [InlineData("}", ", line 1: there is no { for this }.")]
    [InlineData("]", ", line 1: there is no [ for this ].")]
    [InlineData("job { seed = 1\n\n", ", line 1: the { that opens here is never closed.")]
    [InlineData("{ job.seed = 1 } x = 1", ", line 1: nothing may follow the last }, but \"x\" does.")]
    [InlineData("data {\n files = [a\n}", ", line 3: ] must close the [ of line 2, but here stands }.")]
    [InlineData("job { name = \"x }\n}", ", line 1: the text that \" opens here is never closed.")]
    [InlineData("job {\n seed = 1 steps = 2 }", ", line 2: a comma or a new line is missing before \"steps\".")]
    [InlineData("job { name = \"a\" steps = 2 }", ", line 1: a comma or a new line is missing before \"steps\".")]
    [InlineData("job { seed = 1 } { steps = 2 }", ", line 1: a key of letters, digits, - and _ is expected, not \"{\".")]
    [InlineData("a = [{ b = 1 } { c = 2 }]", ", line 1: a comma or a new line is missing before \"{\".")]
    [InlineData("data { files = [a] tokenizer = bytes }", ", line 1: a comma or a new line is missing before \"tokenizer\".")]
    [InlineData("job { seed = 1,, steps = 2 }", ", line 1: a key of letters, digits, - and _ is expected, not \",\".")]
    [InlineData("job {\n seed =\n steps = 2 }", ", line 2: job.seed has no value.")]
    [InlineData("job { seed = }", ", line 1: job.seed has no value.")]
    [InlineData("device = cuda:0", ", line 1: text with : must be in quotes.")]
    [InlineData("data.files = ../**/*.cs", ", line 1: text with * must be in quotes.")]
    [InlineData("job.directory = runs//x", ", line 1: text with // must be in quotes.")]
    [InlineData("job.name = \"\\q\"", ", line 1: after \\ in quotes only \" \\ / b f n r t and uXXXX are allowed.")]
    [InlineData("job.name = \"\"\"x\"\"\"", ", line 1: \"\"\" is not allowed; use \" and the escape \\n for a new line.")]
    [InlineData("job.name = x\0", ", line 1: the character \"\\u0000\" is not allowed.")]
    [InlineData("# first\ninclude \"base.hocon\"", ", line 2: include is not allowed; a job file is self-contained.")]
    [InlineData("job { include \"base.hocon\" }", ", line 1: include is not allowed; a job file is self-contained.")]
    [InlineData("data.files += x", ", line 1: += is not allowed; write the whole list.")]
    [InlineData("job.steps = null", ", line 1: null is not allowed; leave the key out.")]
    [InlineData("data.files = [a,, b]", ", line 1: a value is expected, not \",\".")]
    [InlineData("job.name = \"\\u00g0\"", ", line 1: after \\u in quotes four hexadecimal digits are needed.")]
    [InlineData("\"a b\" = 1", ", line 1: a key of letters, digits, - and _ is expected, not \" \".")]
    [InlineData("job = 1\njob { seed = 2 }", ", line 2: job is given both as a section and as a value.")]
    [InlineData("job { seed = 2 }\njob = [1]", ", line 2: job is given both as a section and as a value.")]
    [InlineData("job = 1\njob.seed = 2", ", line 2: job is given both as a section and as a value.")]
    // Substitutions.
    [InlineData("job.name = ${HOME}", ", line 1: there is no key HOME for ${HOME}.")]
    [InlineData("\njob.name = ${job}", ", line 2: ${job} must name a value, not a section.")]
    [InlineData("job.name = ${job.name}", ", line 1: ${job.name} must name a value without a substitution of its own.")]
    [InlineData("a = ${b}\nb = ${a}", ", line 1: ${b} must name a value without a substitution of its own.")]
    [InlineData("a = [{ c = ${a} }]", ", line 1: ${a} must name a value without a substitution of its own.")]
    [InlineData("job.name = ${?x}", ", line 1: a substitution must be written as ${KEY}, such as ${job.name}.")]
    [InlineData("a = [1]\nb = x${a}", ": b joins a list with text; a list must stand alone.")]
    [InlineData("a=[[[[[[[[[[[[[[[[[[[[[[[[", ", line 1: sections and lists may be nested at most 20 deep.")]
    // What the keys and values must be.
    [InlineData("", ": model.architecture is missing; it must be gpt2.")]
    [InlineData("model.architecture = gpt3", ": model.architecture must be gpt2, not \"gpt3\"; did you mean gpt2?")]
    [InlineData("model { architecture = gpt2, layers = 1 }", ": model.width is missing; it must be a whole number of at least 1 and at most 1000000.")]
    [InlineData("model = gpt2", ": model must be a section, not \"gpt2\".")]
    [InlineData("modle.layers = 1", ": modle is not a key; did you mean model?")]
    public void A_wrong_file_is_named_with_what_is_wrong_in_it(string content, string sentence)
    {
        var path = folder.File(content);
        Assert.Equal(path + sentence, Assert.Throws<BadInputException>(() => JobFileReader.Read(path, [], JobFolder.Architectures)).Message);
    }

    [Theory]
    [InlineData("batch.micro-batches = 4", "batch.micro-batchs = 4", "batch.micro-batchs is not a key of batch; did you mean micro-batches?")]
    [InlineData("every = 100", "often = 100", "evaluation.often is not a key of evaluation; allowed are every, batches and before-first-step.")]
    [InlineData("heads = 4", "heads = 5", "model.heads is 5, which does not divide model.width 128; allowed are the divisors of the width.")]
    [InlineData("files = [\"../**/*.cs\", \"../**/*.md\"],", "", "data.files is missing; it must be text, or a list of such values.")]
    [InlineData("files = [\"../**/*.cs\", \"../**/*.md\"]", "files = []", "data.files must have at least one pattern.")]
    [InlineData("betas = [0.9, 0.99]", "betas = 0.9", "optimizer.betas must have 2 numbers, not 1.")]
    [InlineData("betas = [0.9, 0.99]", "betas = [0.9, 1]", "optimizer.betas[1] must be a number of at least 0 and less than 1, not \"1\".")]
    [InlineData("validation-fraction = 0.1", "validation-fraction = 0",
        "data.validation-fraction must be greater than 0 when evaluation.every is 100, not 0.")]
    [InlineData("warmup-steps = 100", "warmup-steps = 2001",
        "optimizer.warmup-steps must be at most optimizer.decay-steps, which is 2000, not 2001.")]
    public void A_wrong_change_to_the_example_is_named(string right, string wrong, string sentence)
    {
        var content = JobFolder.Quickstart.Replace("batch     { sequences = 12, micro-batches = 4 }", "batch.micro-batches = 4", StringComparison.Ordinal);
        Assert.Contains(right, content, StringComparison.Ordinal);
        var path = folder.File(content.Replace(right, wrong, StringComparison.Ordinal));
        Assert.Equal($"{path}: {sentence}",
            Assert.Throws<BadInputException>(() => JobFileReader.Read(path, [], JobFolder.Architectures)).Message);
    }

    [Theory]
    // What is wrong with the override itself.
    [InlineData("job.steps", "--set job.steps: write it as KEY=VALUE, such as --set job.steps=100.")]
    [InlineData("", "--set : write it as KEY=VALUE, such as --set job.steps=100.")]
    [InlineData("=5", "--set =5: write it as KEY=VALUE, such as --set job.steps=100.")]
    [InlineData("job..steps=5", "--set job..steps=5: write it as KEY=VALUE, such as --set job.steps=100.")]
    [InlineData("job.steps=", "--set job.steps=: job.steps has no value.")]
    [InlineData("device=cpu,", "--set device=cpu,: device has no value.")]
    [InlineData("device=[cpu", "--set device=[cpu: a list must begin with [ and end with ].")]
    [InlineData("device=[cpu] cpu", "--set device=[cpu] cpu: a list must begin with [ and end with ].")]
    [InlineData("device=[cpu,]", "--set device=[cpu,]: device has no value.")]
    [InlineData("device=\"cpu\"]", "--set device=\"cpu\"]: a comma is missing before \"]\".")]
    [InlineData("batch={sequences=4", "--set batch={sequences=4: the { that opens here is never closed.")]
    [InlineData("job.name=\"x", "--set job.name=\"x: the text that \" opens here is never closed.")]
    [InlineData("job.name=\"a\"${x}", "--set job.name=\"a\"${x}: there is no key x for ${x}.")]
    // What is wrong with its value.
    [InlineData("batch.micro-batchs=4", "--set: batch.micro-batchs is not a key of batch; did you mean micro-batches?")]
    [InlineData("modle.layers=4", "--set: modle is not a key; did you mean model?")]
    [InlineData("job=5", "--set: job must be a section, not \"5\".")]
    [InlineData("job.steps.x=5", "--set: job.steps must be a whole number of at least 1, not a section.")]
    [InlineData("job.steps=0", "--set: job.steps must be a whole number of at least 1, not \"0\".")]
    [InlineData("job.steps=null", "--set: job.steps must be a whole number of at least 1, not \"null\".")]
    [InlineData("job.steps=1,2", "--set: job.steps must be a whole number of at least 1, not a list.")]
    [InlineData("job.steps=1.5", "--set: job.steps must be a whole number of at least 1, not \"1.5\".")]
    [InlineData("job.name=\" \"", "--set: job.name must not be empty.")]
    [InlineData("batch.sequences=9999999999", "--set: batch.sequences must be a whole number from 1 to 2147483647, not \"9999999999\".")]
    [InlineData("model.bias=1", "--set: model.bias must be true or false, not \"1\".")]
    [InlineData("model.dropout=NaN", "--set: model.dropout must be a finite number, not \"NaN\".")]
    [InlineData("model.architecture=mamba", "--set: model.architecture must be gpt2, not \"mamba\".")]
    [InlineData("model.heads=3", "--set: model.heads is 3, which does not divide model.width 128; allowed are the divisors of the width.")]
    [InlineData("parallel.chunks=2", "--set: parallel.chunks does not fit: 1f1b has 1 chunk a stage, not 2.")]
    [InlineData("parallel={stages=3,schedule=zb-v,chunks=2}", "--set: parallel.stages x parallel.chunks must be at most model.layers, which is 4, not 3 x 2.")]
    [InlineData("parallel={stages=2,schedule=zb-v,chunks=2,split=[2,2]}", "--set: parallel.split must have a number for each chunk of each stage, which is 4 in all, not 2.")]
    [InlineData("parallel={stages=3,schedule=dualpipe-v,chunks=2}", "--set: parallel.schedule does not fit: dualpipe-v needs at least 6 micro-batches for 3 stages, not 4.")]
    [InlineData("parallel.schedule=custom", "--set: parallel.schedule-file must name a CSV file when parallel.schedule is custom.")]
    [InlineData("parallel.schedule-file=a.csv", "--set: parallel.schedule-file is for the schedule custom, and parallel.schedule is 1f1b.")]
    [InlineData("parallel.activation-limit=2", "--set: parallel.activation-limit is for the schedule automatic, and parallel.schedule is 1f1b.")]
    [InlineData("parallel.activation-limit=0.5", "--set: parallel.activation-limit must be a number of at least 1, not \"0.5\".")]
    [InlineData("parallel.memory-limit=much", "--set: parallel.memory-limit must be a number of bytes such as 500MiB or 8GiB, not \"much\".")]
    [InlineData("parallel.recompute=0", "--set: parallel.recompute must be none, stage, or a whole number n for every n-th layer, not \"0\".")]
    [InlineData("precision.compute=bfloat61", "--set: precision.compute must be float32, bfloat16 or float64, not \"bfloat61\"; did you mean bfloat16?")]
    // What is wrong between keys.
    [InlineData("batch.sequences=13", "--set: batch.sequences must be a multiple of batch.micro-batches, which is 4, not 13.")]
    [InlineData("parallel.stages=5", "--set: parallel.stages must be at most model.layers, which is 4, not 5.")]
    [InlineData("parallel.split=fair", "--set: parallel.split must be auto, even, or a list of whole numbers of at least 1, not \"fair\".")]
    [InlineData("parallel.split=4,0", "--set: parallel.split must be auto, even, or a list of whole numbers of at least 1, not \"4\", \"0\".")]
    [InlineData("parallel.split=4", "--set: parallel.split must have a number for each stage, and parallel.stages is 2, not 1.")]
    [InlineData("parallel.split=2,3", "--set: parallel.split must add up to model.layers, which is 4, not 5.")]
    [InlineData("device=cpu]", "--set: device must be cpu, cuda, or cuda:N such as cuda:0, not \"cpu]\".")]
    [InlineData("device=gpu", "--set: device must be cpu, cuda, or cuda:N such as cuda:0, not \"gpu\".")]
    [InlineData("device=cuda:-1", "--set: device must be cpu, cuda, or cuda:N such as cuda:0, not \"cuda:-1\".")]
    [InlineData("device=cpu,cpu,cpu", "--set: device must be one for all stages or one for each, and parallel.stages is 2, not 3.")]
    [InlineData("optimizer.min-learning-rate=0.01",
        "--set: optimizer.min-learning-rate must be at most optimizer.learning-rate, which is 0.001, not 0.01.")]
    public void A_wrong_override_is_named(string given, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<BadInputException>(() => folder.Read(JobFolder.Quickstart, given)).Message);

    [Fact]
    public void An_unknown_schedule_is_told_the_known_ones()
    {
        var sentence = Assert.Throws<BadInputException>(() => folder.Read(JobFolder.Quickstart, "parallel.schedule=1f1f")).Message;
        Assert.StartsWith("--set: parallel.schedule must be ", sentence, StringComparison.Ordinal);
        Assert.EndsWith(", not \"1f1f\"; did you mean 1f1b?", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_a_job_file_is_said()
    {
        var missing = Path.Combine(folder.Path, "missing.hocon");
        Assert.Equal($"{missing}: there is no such file.", Sentence(missing));
        Assert.Equal($"{folder.Path}: this is a folder, and a job file is needed.", Sentence(folder.Path));
        var path = folder.File(new byte[(1 << 20) + 1]);
        Assert.Equal($"{path}: a job file may have at most 1 MiB, and this one is larger.", Sentence(path));
        folder.File([(byte)'a', 0xC3, 0x28]);
        Assert.Equal($"{path}: a job file must be UTF-8 text, and this is not.", Sentence(path));

        static string Sentence(string path) =>
            Assert.Throws<BadInputException>(() => JobFileReader.Read(path, [], JobFolder.Architectures)).Message;
    }

    public void Dispose() => folder.Dispose();
}
