namespace Pipeline.Runtime.Stages;

/// <summary>What a list of actions is for.</summary>
internal enum PassKind
{
    /// <summary>A step.</summary>
    Training,

    /// <summary>An evaluation, after a step.</summary>
    Validation,

    /// <summary>The model grows, after a step.</summary>
    Growing,

    /// <summary>Layers adapt to a micro-batch, after a step.</summary>
    Adapting,
}
