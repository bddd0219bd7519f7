using System.CommandLine;
using Pipeline.Cli;
using Pipeline.Cli.Checkpoints;
using Pipeline.Cli.Cluster;
using Pipeline.Cli.Data;
using Pipeline.Cli.Doctor;
using Pipeline.Cli.Generation;
using Pipeline.Cli.HuggingFace;
using Pipeline.Cli.Inspect;
using Pipeline.Cli.Planning;
using Pipeline.Cli.Schedules;
using Pipeline.Cli.Training;
using Pipeline.Core;
using Pipeline.Runtime.Stages;

var root = new RootCommand("Pipeline trains models that do not fit one device: layer groups as actors, micro-batches between them.")
{
    TrainCommand.Create(),
    GenerateCommand.Create(),
    EvaluateCommand.Create(),
    PlanCommand.Create(),
    ScheduleCommand.Create(),
    SimulateCommand.Create(),
    BenchCommand.Create(),
    InspectCommand.Create(),
    CheckpointCommand.Create(),
    TokenizeCommand.Create(),
    ImportCommand.Create(),
    ExportCommand.Create(),
    VerifyCommand.Create(),
    NodeCommand.Create(),
    NodesCommand.Create(),
    DoctorCommand.Create(),
    CertificatesCommand.Create(),
};
var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    return BadInput(UsageError.Describe(parsed));
}

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (BadInputException problem)
{
    return BadInput(problem.Message);
}
catch (Exception failure)
{
    Console.Error.WriteLine(failure is IOException or UnauthorizedAccessException or StageException ? failure.Message : $"A defect of Pipeline: {failure}");
    return ExitCode.Failed;
}

static int BadInput(string sentence)
{
    Console.Error.WriteLine(sentence);
    return ExitCode.BadInput;
}
