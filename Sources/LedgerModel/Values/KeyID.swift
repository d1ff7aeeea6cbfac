/// Names an application or operator key: 1 to 64 of `[A-Za-z0-9_.-]`.
public struct KeyID: Identifier {
    public static var maximumLength: Int { 64 }

    public let text: String

    /// `nil` when `text` is not such a name.
    public init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        self.text = text
    }

    /// `nil` when `utf8` is not such a name.
    public init?(utf8: Span<UInt8>) {
        guard Self.isValid(utf8) else { return nil }
        text = String(ascii: utf8)
    }

    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: byte.isASCIILetterOrDigit
        }
    }
}
