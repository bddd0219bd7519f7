using System.Globalization;
using Pipeline.Core.Configuration;

namespace Pipeline.Core.Schedules;

/// <summary>A schedule from a file in the text form of torch.distributed.pipelining: one row a rank, cells separated by commas. Stages and
/// micro-batches are counted from what is there; empty cells, with which others align the columns, are passed over.</summary>
public static class CustomSchedule
{
    public const string Name = "custom";

    private const long MostBytes = 16 * 1024 * 1024;

    /// <exception cref="BadInputException">The file is not a valid schedule.</exception>
    public static Schedule Read(string path) => Parse(Name, ReadText(path), path);

    /// <param name="name">What the schedule is called.</param>
    /// <param name="path">What every sentence about the text begins with.</param>
    public static Schedule Parse(string name, string text, string path)
    {
        var lines = text.TrimEnd() is { Length: > 0 } trimmed ? trimmed.Split('\n') : [];
        var rows = lines.Select((line, row) => Row(path, row, line)).ToArray();
        var actions = rows.SelectMany(row => row).ToArray();
        Refuse(actions.Length == 0, $"{path} has no actions; a schedule has one row a stage, with cells such as 0F0,0I0,0W0,0B0.");
        Refuse(actions.Length > ScheduleCatalog.MostActions, Text($"{path} has {actions.Length} cells; at most {ScheduleCatalog.MostActions} are allowed."));
        Refuse(rows.Length > ScheduleCatalog.MostStages, Text($"{path} has {rows.Length} rows; at most {ScheduleCatalog.MostStages} are allowed."));
        var schedule = new Schedule(name, actions.Max(action => action.MicroBatch) + 1, rows);
        try
        {
            ScheduleValidator.Validate(schedule);
        }
        catch (InvalidScheduleException problem)
        {
            throw new BadInputException($"{path}: {problem.Message}", problem);
        }

        return schedule;
    }

    private static string ReadText(string path)
    {
        try
        {
            Refuse(Directory.Exists(path), $"{path}: this is a folder, and a CSV file is needed.");
            Refuse(!File.Exists(path), $"{path}: there is no such file.");
            Refuse(new FileInfo(path).Length > MostBytes, Text($"{path} is larger than {MostBytes / 1024 / 1024} MiB, the most that a schedule may have."));
            return File.ReadAllText(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path}: {problem.Message}", problem);
        }
    }

    private static PipelineAction[] Row(string path, int row, string line) =>
    [
        .. line.Split(',').Select(cell => cell.Trim())
            .Index().Where(item => item.Item.Length > 0)
            .Select(item => Cell(path, row, item.Index, item.Item)),
    ];

    private static PipelineAction Cell(string path, int row, int cell, string text)
    {
        var where = Text($"{path}, row {row + 1}, cell {cell + 1}");
        PipelineAction action;
        try
        {
            action = PipelineAction.Parse(text);
        }
        catch (FormatException)
        {
            var shown = QuotedText.Of(QuotedText.Shorten(text));
            throw new BadInputException($"{where}: {shown} is not an action; an action is stage, F, B, I or W, micro-batch, as in 2F0.");
        }

        Refuse(action.Stage >= ScheduleCatalog.MostStages, Text($"{where}: stages are numbered 0 to {ScheduleCatalog.MostStages - 1}, not {action.Stage}."));
        Refuse(
            action.MicroBatch >= ScheduleCatalog.MostMicroBatches,
            Text($"{where}: micro-batches are numbered 0 to {ScheduleCatalog.MostMicroBatches - 1}, not {action.MicroBatch}."));
        return action;
    }

    private static void Refuse(bool wrong, string sentence)
    {
        if (wrong)
        {
            throw new BadInputException(sentence);
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
