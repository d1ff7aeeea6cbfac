/// An e-mail address that mail can be sent to (rule E1): a dot-atom, `@`, and a domain name of two
/// labels or more (RFC 5321, sections 4.1.2 and 4.5.3.1). Quoted local parts, comments and address
/// literals, which no mailbox of a person has, are not taken.
///
/// The domain is kept in small letters, as it makes no difference there. In the local part it may
/// (RFC 5321, section 2.4), so that stays as it is written.
public struct EmailAddress: Identifier {
    /// A path of 256 bytes without its angle brackets (RFC 5321, section 4.5.3.1.3).
    public static var maximumLength: Int { 254 }

    /// In bytes (RFC 5321, section 4.5.3.1.1).
    public static var localPartMaximumLength: Int { 64 }

    public let text: String

    public init(checked text: String) { self.text = text }

    /// `nil` when `text` is not such an address.
    public init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isLocalPart(parts[0]), Self.isDomain(parts[1]) else {
            return nil
        }
        self.text = "\(parts[0])@\(parts[1].lowercased())"
    }

    /// `nil` when `utf8` is not such an address.
    public init?(utf8: Span<UInt8>) {
        guard Self.isValid(utf8) else { return nil }
        self.init(String(ascii: utf8))
    }

    /// What a dot-atom consists of (RFC 5322, section 3.2.3), and `@`.
    public static func allows(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "!#$%&'*+-/=?^_`{|}~.@".utf8.contains(byte)
    }

    /// Atoms with one dot between two of them.
    private static func isLocalPart(_ text: Substring) -> Bool {
        text.utf8.count <= localPartMaximumLength
            && text.split(separator: ".", omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty }
    }

    /// Letters, digits and hyphens in labels of 1 to 63 (RFC 1035, section 2.3.4). The last one is no
    /// number, or it would be an IPv4 address (RFC 3696, section 2).
    private static func isDomain(_ text: Substring) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, let last = labels.last else { return false }
        let hyphen = UInt8(ascii: "-")
        return !last.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.first != hyphen && label.utf8.last != hyphen
                    && label.utf8.allSatisfy { $0.isASCIILetterOrDigit || $0 == hyphen }
            }
    }
}
