namespace Pipeline.Core.Schedules;

/// <summary>What one micro-batch does in V placement when every action takes one unit of time; the next micro-batch does the same six units
/// later, which is what one takes of each rank (Qi et al. 2024, arXiv:2405.15362). A schedule is the block repeated, so its steady state
/// has no bubble, and its memory is the length of the block's lives. Weight gradients are not part of it: they go where there is room.</summary>
/// <param name="ForwardStep">Units from one rank to the next, in the first chunk's forwards.</param>
/// <param name="TurnBelow">From the last rank's first forward to its second.</param>
/// <param name="ForwardBackStep">From a rank to the one before, in the second chunk's forwards.</param>
/// <param name="Loss">From the last stage's forward to its input gradient.</param>
/// <param name="GradientStep">In the second chunk's input gradients.</param>
/// <param name="TurnGradient">From the last rank's first input gradient to its second.</param>
/// <param name="GradientBackStep">In the first chunk's input gradients.</param>
internal readonly record struct BuildingBlock(
    int ForwardStep, int TurnBelow, int ForwardBackStep, int Loss, int GradientStep, int TurnGradient, int GradientBackStep)
{
    /// <summary>Units from one micro-batch to the next.</summary>
    public const int Period = 6;

    /// <summary>When a rank starts its two forwards and two input gradients of micro-batch 0.</summary>
    public (int Forward, int ForwardBack, int Gradient, int GradientBack) Starts(int ranks, int rank)
    {
        var back = ranks - 1 - rank;
        var turn = (ForwardStep * (ranks - 1)) + TurnBelow;
        var loss = turn + (ForwardBackStep * (ranks - 1)) + Loss;
        var turnBack = loss + (GradientStep * (ranks - 1)) + TurnGradient;
        return (ForwardStep * rank, turn + (ForwardBackStep * back), loss + (GradientStep * rank), turnBack + (GradientBackStep * back));
    }

    /// <summary>No rank would have to do two things at once. (What ranks do repeats after <see cref="Period"/> of them.)</summary>
    public bool Repeats(int ranks)
    {
        for (var rank = 0; rank < Math.Min(ranks, Period); rank++)
        {
            var (forward, forwardBack, gradient, gradientBack) = Starts(ranks, rank);
            var slots = (1 << (forward % Period)) | (1 << (forwardBack % Period)) | (1 << (gradient % Period)) | (1 << (gradientBack % Period));
            if (int.PopCount(slots) < 4)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Each rank's forwards and input gradients in the order in which the repeated block starts them.</summary>
    public Schedule Orders(int ranks, int microBatches)
    {
        var block = this;
        return new("building block", microBatches, [.. Enumerable.Range(0, ranks).Select(rank =>
        {
            var (forward, forwardBack, gradient, gradientBack) = block.Starts(ranks, rank);
            var (first, second) = (Placements.V(ranks, rank, 0), Placements.V(ranks, rank, 1));
            return Enumerable.Range(0, microBatches)
                .SelectMany(m => new[]
                {
                    (Action: PipelineAction.Forward(first, m), Start: forward + (Period * m)),
                    (Action: PipelineAction.Forward(second, m), Start: forwardBack + (Period * m)),
                    (Action: PipelineAction.InputGradient(second, m), Start: gradient + (Period * m)),
                    (Action: PipelineAction.InputGradient(first, m), Start: gradientBack + (Period * m)),
                })
                .OrderBy(item => item.Start).Select(item => item.Action).ToArray();
        })]);
    }

    /// <summary>Units from a micro-batch's first forward to its last input gradient.</summary>
    public int Length(int ranks) => Starts(ranks, 0).GradientBack;

    /// <summary>The most activations alive on a rank when weight gradients run at once, in chunks (half a micro-batch on a rank).</summary>
    public int Peak(int ranks)
    {
        var peak = 0;
        for (var rank = 0; rank < ranks; rank++)
        {
            var (forward, forwardBack, gradient, gradientBack) = Starts(ranks, rank);
            peak = Math.Max(peak, Math.Max(AliveAt(forward), AliveAt(forwardBack)));

            int AliveAt(int now) =>
                Begun(now - forward) - Begun(now - gradientBack) + Begun(now - forwardBack) - Begun(now - gradient);
        }

        return peak;

        // How often something has begun, up to a constant that differences lose; rounded down also below zero.
        static int Begun(int ago) => (int)Math.Floor((double)ago / Period);
    }

    /// <summary>All blocks with steps and turns up to the given ones.</summary>
    public static IEnumerable<BuildingBlock> All(int ranks, int longestStep, int longestTurn) =>
        from forward in Enumerable.Range(1, longestStep)
        from forwardBack in Enumerable.Range(1, longestStep)
        from gradient in Enumerable.Range(1, longestStep)
        from gradientBack in Enumerable.Range(1, longestStep)
        from turn in Enumerable.Range(1, longestTurn)
        from loss in Enumerable.Range(1, longestTurn)
        from turnBack in Enumerable.Range(1, longestTurn)
        let block = new BuildingBlock(forward, turn, forwardBack, loss, gradient, turnBack, gradientBack)
        where block.Repeats(ranks)
        select block;
}
