namespace Pipeline.Runtime.TensorPlane;

/// <summary>Something that came over the plane was not taken, or a peer refused a link.</summary>
internal sealed class RefusedException(Refusal reason, string sentence) : IOException(sentence)
{
    public Refusal Reason => reason;
}
