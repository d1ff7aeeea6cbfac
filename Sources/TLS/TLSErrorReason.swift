/// What kind of thing went wrong, for counting and deciding.
public enum TLSErrorReason: Sendable, Equatable {
    /// A file does not exist or may not be read.
    case unreadableFile

    /// A file is not the PEM that it should be.
    case malformedFile

    /// A private key is encrypted, and the password is missing or wrong.
    case wrongPassword

    /// The private key is not the certificate's.
    case keyMismatch

    /// The library refused a setting.
    case refusedSetting

    /// Bytes that should be ticket keys are not.
    case malformedTicketKeys

    /// The peer ended the session with a fatal alert.
    case peerAlert(TLSAlert)

    /// The peer's certificate did not verify, or was missing; the text is X509_verify_cert's reason.
    case refusedCertificate(String)

    /// The peer broke the protocol, or shares no version, cipher or group with us.
    case protocolViolation

    /// The session has failed or was closed by us before; nothing more can go through it.
    case ended

    /// The library failed for a reason of its own, such as memory.
    case library
}
