using System.CommandLine;
using Pipeline.Benchmarks;

return await new RootCommand("Measures Pipeline against peers and limits, alternated in one run; figures are medians.")
{
    TrainingBenchmark.Create(),
    PlainLoop.Create(),
}.Parse(args).InvokeAsync();
