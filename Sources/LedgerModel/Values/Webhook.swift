import Bytes

/// Names a webhook.
public struct WebhookID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

/// The name of a kind of change, as the event log shows it (rule E3): `device-activated`. 1 to 64 of `[a-z-]`.
public struct EventKind: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }

    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

/// Where a webhook's events go: an `http` or `https` URL (RFC 3986) with a host, of 1 to 2,048 visible ASCII bytes.
///
/// It has no user name or password, which would be in the books in the clear, and no fragment, which is not sent.
public struct WebhookURL: Hashable, Sendable, CustomStringConvertible {
    public static var maximumLength: Int { 2_048 }

    public let text: String

    /// `nil` when `text` is not such a URL.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !#""<>\^`{|}#"#.utf8.contains($0) }
            )
        else { return nil }
        guard let scheme = Self.schemes.first(where: { text.lowercased().hasPrefix($0) }) else {
            return nil
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !rest.contains("#"), !authority.contains("@"), Self.isAuthority(authority) else {
            return nil
        }
        self.text = text
    }

    private static let schemes = ["https://", "http://"]

    /// Whether what it carries is encrypted on the way.
    public var isEncrypted: Bool { text.lowercased().hasPrefix("https://") }

    /// A host, and perhaps a port from 1 to 65,535.
    private static func isAuthority(_ text: Substring) -> Bool {
        var host = text
        if let colon = text.lastIndex(of: ":"), text.last != "]" {
            let port = text[text.index(after: colon)...]
            guard (1...5).contains(port.utf8.count),
                port.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(port), (1...65_535).contains(number)
            else { return false }
            host = text[..<colon]
        }
        if host.first == "[" {
            return host.last == "]" && host.utf8.count > 2
                && host.dropFirst().dropLast().utf8.allSatisfy {
                    $0.isASCIILetterOrDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                }
        }
        return (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy {
                $0.isASCIILetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
                    || $0 == UInt8(ascii: "_")
            }
    }

    public var description: String { text }
}
