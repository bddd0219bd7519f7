using System.Diagnostics;

namespace Pipeline.Cli;

/// <summary>Starts this program again, as a child.</summary>
internal static class OwnProgram
{
    /// <summary>Standard input is a pipe that tells the child of this process's end; what it prints goes nowhere, its errors go where this
    /// process's go.</summary>
    public static Process Start(IReadOnlyList<string> arguments)
    {
        var program = Environment.ProcessPath!;
        // Under "dotnet pipeline.dll" the process is the host of .NET.
        string[] own = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Path.Combine(AppContext.BaseDirectory, "pipeline.dll")] : [];
        var process = Process.Start(new ProcessStartInfo(program, [.. own, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }
}
