namespace Pipeline.Chaos.Runs;

/// <summary>A small job that is to be disturbed.</summary>
/// <param name="MicroBatches">Of a replica, in a step.</param>
/// <param name="CheckpointEvery">Steps.</param>
/// <param name="Sections">Of the job file, all but the first.</param>
internal sealed record ChaosJob(string Name, int Stages, int Replicas, int MicroBatches, long Steps, long CheckpointEvery, string Sections)
{
    public const string TextFile = "text.txt";

    private const string Language = $"files = {TextFile}";

    public int Workers => Stages * Replicas;

    /// <summary>The job file; its data lie beside it.</summary>
    public string Text => $"job        {{ name = {Name}, seed = 7, steps = {Steps}, directory = run }}\n{Sections}";

    /// <summary>Every family, and everything of a stage that must survive: tied embeddings, dropout, averages, optimizers in parts, carries, grids that
    /// grow and adapt, the vectors of L-BFGS. Steps take some 5 to 30 ms.</summary>
    public static IReadOnlyList<ChaosJob> All { get; } =
    [
        Create("gpt2-ema", 2, "1f1b", "architecture = gpt2, layers = 4, width = 48, heads = 4, context = 32, dropout = 0.1", optimizer: "ema = 0.98"),
        Create("gpt2-replicas", 2, "1f1b", "architecture = gpt2, layers = 4, width = 32, heads = 4, context = 24, dropout = 0.1", replicas: 2),
        Create("gpt2-zb", 3, "zb-h1", "architecture = gpt2, layers = 6, width = 32, heads = 4, context = 24, tie-embeddings = true", microBatches: 6, sequences: 6),
        Create("trm", 2, "1f1b", "architecture = trm, mlp-t = true, width = 32, context = 16, high-cycles = 2, low-cycles = 2, puzzle-length = 1, halt-max-passes = 3, loss = softmax",
            "kind = sudoku, size = 4, holes = 6", "kind = adam-atan2, clip-norm = 0, ema = 0.98", microBatches: 2),
        Create("kan-refined", 3, "1f1b", "architecture = kan, widths = [2, 6, 5, 4, 1], grid = 4, grid-update-every = 7, grid-update-until = 60, refine = [8, 16], refine-every = 25",
            "kind = function, inputs = 2, formula = [\"exp(sin(pi*x1) + x2^2)\"], points = 400, test-points = 100", precision: "float64", sequences: 200),
        Create("llama-four", 4, "1f1b", "architecture = llama, layers = 4, width = 32, heads = 4, context = 24, key-value-heads = 2, inner = 48"),
        Create("mamba", 2, "zb-h1", "architecture = mamba, layers = 4, width = 32, context = 24, state = 8"),
        Create("kan-lbfgs", 2, "1f1b", "architecture = kan, widths = [2, 5, 4, 1], grid = 4, grid-update-every = 0",
            "kind = function, inputs = 2, formula = [\"sin(x1) + x2^2\"], points = 200, test-points = 100",
            "kind = lbfgs, learning-rate = 0.1, weight-decay = 0, clip-norm = 0", precision: "float64", sequences: 200, checkpointEvery: 4),
        Create("llama-replicas", 2, "zb-h1", "architecture = llama, layers = 4, width = 32, heads = 4, context = 24, key-value-heads = 2, inner = 48",
            optimizer: "ema = 0.9", replicas: 2, checkpointEvery: 5),
        Create("hrm", 2, "1f1b", "architecture = hrm, width = 32, heads = 4, context = 16, high-layers = 1, low-layers = 1, halt-max-passes = 3", "kind = sudoku, size = 4", microBatches: 2),
        Create("hybrid-v", 2, "zb-v", "architecture = hybrid, pattern = \"Mm*-EK\", width = 32, context = 24, heads = 4, key-value-heads = 2, inner = 48, state = 8, mamba-head-size = 16, chunk = 8, experts = 4"),
        Create("mamba2", 3, "1f1b", "architecture = mamba2, layers = 4, width = 32, context = 24, state = 16, head-size = 16, chunk = 8"),
        Create("jamba-four", 4, "zb-h1", "architecture = jamba, layers = 4, width = 32, heads = 4, context = 16, key-value-heads = 2, inner = 48, attention-period = 2, attention-offset = 1, experts = 4, state = 8"),
        Create("mamba3", 2, "1f1b", "architecture = mamba3, layers = 4, width = 32, context = 24, state = 16, head-size = 16, chunk = 8"),
        Create("hyperdimensional", 3, "zb-h1", "architecture = hyperdimensional, layers = 4, width = 32, context = 24, window = 16, encoding = bind"),
        Create("trm-replicas", 2, "1f1b", "architecture = trm, mlp-t = true, width = 32, context = 16, high-cycles = 2, low-cycles = 2, puzzle-length = 1, halt-max-passes = 3, loss = softmax",
            "kind = sudoku, size = 4, holes = 6", "kind = adam-atan2, clip-norm = 0", microBatches: 2, replicas: 2),
    ];

    private static ChaosJob Create(
        string name, int stages, string schedule, string model, string data = Language, string optimizer = "", int replicas = 1, int microBatches = 4, int sequences = 8,
        string precision = "float32", long checkpointEvery = 8)
    {
        return new(name, stages, replicas, microBatches, Steps: 80, checkpointEvery, $$"""
            model      { {{model}} }
            data       { {{data}} }
            batch      { sequences = {{sequences * replicas}}, micro-batches = {{microBatches * replicas}} }
            parallel   { stages = {{stages}}, replicas = {{replicas}}, schedule = {{schedule}}, split = even }
            optimizer  { {{(optimizer.Contains("lbfgs", StringComparison.Ordinal) ? "" : "warmup-steps = 10, decay-steps = 100, ")}}{{optimizer}} }
            precision  { parameters = {{precision}}, compute = {{precision}} }
            evaluation { every = 20, batches = 2 }
            checkpoint { every = {{checkpointEvery}}, keep = 3 }
            recovery   { snapshot-every = 5 }

            """);
    }
}
