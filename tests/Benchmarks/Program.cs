using System.CommandLine;
using Pipeline.Benchmarks;
using Pipeline.Tensors.Loading;

LibTorch.Load();
return await new RootCommand("Measures Pipeline against peers and limits, alternated in one run; figures are medians.")
{
    TrainingBenchmark.Create(),
    PlainLoop.Create(),
    BackwardBenchmark.Create(),
    ScanBenchmark.Create(),
    RecomputeBenchmark.Create(),
    ProcessesBenchmark.Create(),
    RecoveryBenchmark.Create(),
    SafetyBenchmark.Create(),
    StateSpaceBenchmark.Create(),
}.Parse(args).InvokeAsync();
