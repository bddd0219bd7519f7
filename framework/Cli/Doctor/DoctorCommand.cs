using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Pipeline.Cli.Doctor;

/// <summary><c>pipeline doctor</c>: says whether this machine can run Pipeline, and what to do where it cannot.</summary>
internal static class DoctorCommand
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var command = new Command("doctor", "Say whether this machine can run Pipeline, and what to do where it cannot.") { json };
        command.SetAction(parsed =>
        {
            var findings = Checkup.Run();
            var usable = findings.All(finding => finding.Verdict != Verdict.Wrong);
            if (parsed.GetValue(json))
            {
                parsed.InvocationConfiguration.Output.WriteLine(JsonSerializer.Serialize(
                    new { Usable = usable, Checks = findings.ToDictionary(finding => finding.Name) }, Json));
            }
            else
            {
                Print(findings, usable, parsed.InvocationConfiguration.Output);
            }

            return usable ? 0 : 1;
        });
        return command;
    }

    private static void Print(IReadOnlyList<Finding> findings, bool usable, TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = 1000;  // a file has no edge to wrap at
        }

        var widest = findings.Max(finding => finding.Name.Length);
        foreach (var finding in findings)
        {
            var (word, color) = finding.Verdict switch
            {
                Verdict.Ok => ("ok   ", "green"),
                Verdict.Note => ("note ", "yellow"),
                _ => ("wrong", "red"),
            };
            var name = finding.Name.PadRight(widest);
            console.MarkupLine($"[{color}]{word}[/]  [bold]{Markup.Escape(name)}[/]  {Markup.Escape(finding.Text)}");
            if (finding.Remedy is { } remedy)
            {
                console.MarkupLine($"{new string(' ', widest + 9)}[{color}]to do:[/] {Markup.Escape(remedy)}");
            }
        }

        console.MarkupLine(usable
            ? "This machine can run Pipeline."
            : "[red]This machine cannot run Pipeline yet: see what is wrong above.[/]");
    }
}
