namespace Pipeline.Runtime.Tests.TensorPlane;

public enum Transport
{
    Unix,
    Tcp,
    Tls,
}
