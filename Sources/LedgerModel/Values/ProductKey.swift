/// Names a product: 1 to 32 of `[A-Za-z0-9]` (wire.md, "Who connects").
public struct ProductKey: Identifier {
    public static var maximumLength: Int { 32 }

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
        byte.isASCIILetterOrDigit
    }
}
