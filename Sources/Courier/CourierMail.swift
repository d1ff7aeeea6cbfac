import Bytes
import Encoding

/// A message that the courier is to hand to a mail server (RFC 5321).
public struct CourierMail: Hashable, Sendable {
    /// How the connection is encrypted.
    public enum Security: UInt8, Hashable, Sendable, CaseIterable {
        /// By STARTTLS before anything else, or not at all sent (RFC 3207).
        case startTLS = 1

        /// From the first byte on (RFC 8314).
        case tls = 2
        case none = 3
    }

    public let host: String
    public let port: UInt16
    public let security: Security

    /// `nil`: the server is not told who the gateway is.
    public let user: String?
    public let password: String?

    /// PEM file of authorities that are trusted besides the system's.
    public let trustedCertificates: String?

    /// Addresses, without angle brackets.
    public let sender: String
    public let recipient: String

    public init(
        host: String, port: UInt16, security: Security, user: String?, password: String?,
        trustedCertificates: String?, sender: String, recipient: String
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.user = user
        self.password = password
        self.trustedCertificates = trustedCertificates
        self.sender = sender
        self.recipient = recipient
    }

    /// As libcurl wants it; behind the slash is what the gateway calls itself in EHLO.
    var url: String {
        let scheme = security == .tls ? "smtps" : "smtp"
        let domain = sender.split(separator: "@").last ?? "localhost"
        let literal = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(literal):\(port)/\(domain)"
    }
}

extension CourierMail {
    func encode(into buffer: inout ByteBuffer) {
        buffer.append(text: host)
        buffer.append(UInt32(port))
        buffer.append(security.rawValue)
        // An empty text is as good as none.
        buffer.append(text: user ?? "")
        buffer.append(text: password ?? "")
        buffer.append(text: trustedCertificates ?? "")
        buffer.append(text: sender)
        buffer.append(text: recipient)
    }

    init(from reader: inout ByteReader) throws(MalformedRecord) {
        host = try reader.takeText()
        guard let port = UInt16(exactly: try reader.takeUInt32()),
            let security = Security(rawValue: try reader.takeUInt8())
        else { throw .malformed(what: "mail") }
        self.port = port
        self.security = security
        func text(_ text: String) -> String? { text.isEmpty ? nil : text }
        user = text(try reader.takeText())
        password = text(try reader.takeText())
        trustedCertificates = text(try reader.takeText())
        sender = try reader.takeText()
        recipient = try reader.takeText()
    }
}
