namespace Pipeline.Core.Data.Tasks;

/// <summary>A task on tokens whose samples are functions of (seed, validation, index), so that there is no end to them.</summary>
internal interface ISequenceTask
{
    /// <summary>Ids are 0 up to this.</summary>
    int Vocabulary { get; }

    /// <summary>Tokens of a sample.</summary>
    int Length { get; }

    /// <summary>Targets of a sample that count.</summary>
    int TargetsPerSequence { get; }

    /// <summary>Makes one sample.</summary>
    /// <param name="validation">Of the samples that are held out.</param>
    /// <param name="index">From 0 on.</param>
    /// <param name="inputs">As many as <see cref="Length"/>.</param>
    /// <param name="targets">The answers, <see cref="Targets.Ignored"/> where there is none.</param>
    void Generate(bool validation, long index, Span<long> inputs, Span<long> targets);
}
