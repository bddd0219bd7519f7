namespace Pipeline.Core;

/// <summary>Input that the user can correct: a job file, a command line, a data file, a checkpoint. The message is one
/// plain sentence that names the place and what is allowed; the command prints it alone and exits with code 2.</summary>
public class BadInputException : Exception
{
    public BadInputException(string message) : base(message) { }

    public BadInputException(string message, Exception cause) : base(message, cause) { }
}
