public import Ledger

/// What went wrong with a test's gateway itself.
public enum TestGatewayError: Error {
    /// What the audit found (rule A10).
    case booksDoNotBalance([String])

    /// A command that the test needs was refused.
    case refused(Refusal)

    /// A command was carried out with another effect than it should have.
    case unexpectedEffect(Effect)
}
