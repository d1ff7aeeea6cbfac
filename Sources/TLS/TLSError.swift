internal import COpenSSL

/// Why a context could not be built, or why a session ended.
public struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is.
    public let reason: TLSErrorReason

    /// What was being done, as a sentence without its full stop.
    public let attempt: String

    /// The file concerned, if one is.
    public let file: String?

    /// OpenSSL's error stack, the oldest entry first, as ERR_error_string_n(3) prints each.
    public let stack: [String]

    public var description: String {
        var text = attempt
        if let file { text += " (\(file))" }
        text += ": \(reason)"
        let said = stack.map { Self.words(of: $0) }
        if !said.isEmpty { text += "; OpenSSL says: \(said.joined(separator: "; "))" }
        return text
    }

    /// What an entry of the stack says behind the code, library and function: `error:0A000086:SSL routines::certificate
    /// verify failed`.
    private static func words(of entry: String) -> Substring {
        let parts = entry.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "error" else { return entry[...] }
        return parts[4]
    }
}

extension TLSError {
    init(reason: TLSErrorReason, attempt: String, file: String? = nil) {
        self.init(reason: reason, attempt: attempt, file: file, stack: [])
    }

    /// A failure whose particulars are on the thread's error queue, which is emptied. `reason` is
    /// what it is unless `classify` knows better by the queue.
    static func drained(
        _ attempt: String,
        file: String? = nil,
        reason: TLSErrorReason,
        classify: (ErrorStack) -> TLSErrorReason? = { _ in nil }
    ) -> TLSError {
        let stack = ErrorStack.drain()
        return TLSError(
            reason: classify(stack) ?? reason,
            attempt: attempt,
            file: file,
            stack: stack.lines
        )
    }
}

/// What kind of thing went wrong, for counting and deciding.
public enum TLSErrorReason: Sendable, Equatable, CustomStringConvertible {
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

    /// Each setting is right, and together they leave no client to shake hands with.
    case noUsableCipherSuite

    /// The peer ended the session with a fatal alert.
    case peerAlert(TLSAlert)

    /// The peer's certificate did not verify, or was missing; the text is X509_verify_cert's reason.
    case refusedCertificate(String)

    /// The peer's keys are not ours: what shows in a handshake that it has them does not verify, be it the binder of a
    /// pre-shared key (RFC 8446, 4.2.11.2) or its Finished.
    case unprovenKeys

    /// The peer broke the protocol, or shares no version, cipher or group with us.
    case protocolViolation

    /// The session has failed or was closed by us before; nothing more can go through it.
    case ended

    /// The library failed for a reason of its own, such as memory.
    case library

    /// For people, with what can be done.
    public var description: String {
        switch self {
        case .unreadableFile: "the file can't be read: is it there, and may this user read it?"
        case .malformedFile: "the file is not the PEM that it should be"
        case .wrongPassword: "the private key is encrypted: name one that is not"
        case .keyMismatch:
            "the private key is not the certificate's: name the key that the certificate was made with"
        case .refusedSetting: "the setting is not one that OpenSSL takes"
        case .noUsableCipherSuite: "no cipher suite is left that fits the certificate's key"
        case .peerAlert(let alert): "the peer has ended it with \(alert)"
        case .refusedCertificate(let reason): "the certificate is refused, \(reason)"
        case .unprovenKeys:
            "the peer has not proved that it has the keys: is the pre-shared key the same on both sides?"
        case .protocolViolation:
            "the peer speaks no TLS, or none that has a version, cipher suite and group in common"
        case .ended: "the session has ended before"
        case .library: "OpenSSL has failed"
        }
    }
}

/// An alert of the record protocol (RFC 8446, 6; RFC 5246, 7.2), by its number.
public struct TLSAlert: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8

    /// By its number, and what that means where it is one of those that certificates and settings bring about.
    public var description: String {
        let meaning: String? =
            switch self {
            case .handshakeFailure: "nothing in common"
            case .badCertificate: "bad certificate"
            case .unsupportedCertificate: "unsupported certificate"
            case .certificateRevoked: "certificate revoked"
            case .certificateExpired: "certificate expired"
            case .certificateUnknown: "certificate not accepted"
            case .unknownAuthority: "unknown authority"
            case .decryptError: "a signature is wrong"
            case .protocolVersion: "protocol version"
            case .certificateRequired: "certificate required"
            case .noApplicationProtocol: "no application protocol in common"
            default: nil
            }
        return "TLS alert \(rawValue)" + (meaning.map { " (\($0))" } ?? "")
    }

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let closeNotify = TLSAlert(rawValue: 0)
    public static let unexpectedMessage = TLSAlert(rawValue: 10)
    public static let badRecordMAC = TLSAlert(rawValue: 20)
    public static let recordOverflow = TLSAlert(rawValue: 22)
    public static let handshakeFailure = TLSAlert(rawValue: 40)
    public static let badCertificate = TLSAlert(rawValue: 42)
    public static let unsupportedCertificate = TLSAlert(rawValue: 43)
    public static let certificateRevoked = TLSAlert(rawValue: 44)
    public static let certificateExpired = TLSAlert(rawValue: 45)
    public static let certificateUnknown = TLSAlert(rawValue: 46)
    public static let illegalParameter = TLSAlert(rawValue: 47)
    public static let unknownAuthority = TLSAlert(rawValue: 48)
    public static let accessDenied = TLSAlert(rawValue: 49)
    public static let decodeError = TLSAlert(rawValue: 50)
    public static let decryptError = TLSAlert(rawValue: 51)
    public static let protocolVersion = TLSAlert(rawValue: 70)
    public static let insufficientSecurity = TLSAlert(rawValue: 71)
    public static let internalError = TLSAlert(rawValue: 80)
    public static let userCanceled = TLSAlert(rawValue: 90)
    public static let noRenegotiation = TLSAlert(rawValue: 100)
    public static let missingExtension = TLSAlert(rawValue: 109)
    public static let unrecognizedName = TLSAlert(rawValue: 112)
    public static let certificateRequired = TLSAlert(rawValue: 116)
    public static let noApplicationProtocol = TLSAlert(rawValue: 120)
}

/// The calling thread's OpenSSL error queue (ERR_get_error(3)), taken off it.
struct ErrorStack {
    /// The packed codes, the oldest first.
    private(set) var codes: [UInt] = []

    /// One line each, as ERR_error_string_n(3) prints it, with the data that came along.
    private(set) var lines: [String] = []

    /// Empties the queue, so that nothing is left for a later call to trip over.
    static func drain() -> ErrorStack {
        var stack = ErrorStack()
        while true {
            var data: UnsafePointer<CChar>?
            var flags: Int32 = 0
            // Safe: both places are ours; the text belongs to OpenSSL until its queue changes.
            let code = unsafe ERR_get_error_all(nil, nil, nil, &data, &flags)
            if code == 0 { return stack }
            var line = text(of: code)
            if flags & ERR_TXT_STRING != 0, let data = unsafe data {
                let detail = unsafe String(cString: data)
                if !detail.isEmpty { line += " (\(detail))" }
            }
            stack.codes.append(code)
            stack.lines.append(line)
        }
    }

    /// Drops what a call that is allowed to fail has left.
    static func clear() {
        ERR_clear_error()
    }

    /// Whether an entry is of `library` (`ERR_LIB_*`) and, if any are named, has one of `reasons`.
    func contains(library: Int32, reasons: Int32...) -> Bool {
        codes.contains { code in
            tollgate_err_library(code) == library
                && (reasons.isEmpty || reasons.contains(tollgate_err_reason(code)))
        }
    }

    /// The fatal alert that the peer sent, if that is what happened: the library adds
    /// `SSL_AD_REASON_OFFSET` to its number to make the reason of it.
    var peerAlert: TLSAlert? {
        for code in codes where tollgate_err_library(code) == ERR_LIB_SSL {
            let number = tollgate_err_reason(code) - SSL_AD_REASON_OFFSET
            if (0...255).contains(number) { return TLSAlert(rawValue: UInt8(number)) }
        }
        return nil
    }

    private static func text(of code: UInt) -> String {
        // Safe: 256 bytes are what ERR_error_string_n(3) asks for; it ends them with a zero.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            unsafe ERR_error_string_n(code, buffer.baseAddress, buffer.count)
            return unsafe String(cString: buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}
