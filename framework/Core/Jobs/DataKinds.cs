using Pipeline.Core.Data.Tasks;

namespace Pipeline.Core.Jobs;

/// <summary>What <c>data.kind</c> may name.</summary>
public static class DataKinds
{
    /// <summary>The kind of a job file that names none.</summary>
    public const string Text = "text";

    /// <summary>The record of settings of each.</summary>
    public static readonly IReadOnlyDictionary<string, Type> All = new Dictionary<string, Type>(StringComparer.Ordinal)
    {
        [Text] = typeof(TextDataSettings),
        [RecallSettings.Name] = typeof(RecallSettings),
        [SelectiveCopyingSettings.Name] = typeof(SelectiveCopyingSettings),
        [InductionSettings.Name] = typeof(InductionSettings),
        [SudokuSettings.Name] = typeof(SudokuSettings),
        [FunctionSettings.Name] = typeof(FunctionSettings),
    };
}
