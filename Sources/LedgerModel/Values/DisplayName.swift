/// A name for people, of an account, a product, a device and so on: 1 to 256 characters (Unicode
/// scalars), none of them a control character.
///
/// Every door takes names by this rule: the API's fields and queries, CSV, the configuration.
public struct DisplayName: Hashable, Sendable, CustomStringConvertible {
    /// The most characters a name has.
    public static var maximumLength: Int { 256 }

    /// What no name has: Unicode's category Cc. They would spoil lists and logs, and speak to terminals.
    public static let controls: [ClosedRange<Unicode.Scalar>] = [
        "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}",
    ]

    public let text: String

    /// `nil` when `text` is no such name.
    public init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.unicodeScalars.count),
            text.unicodeScalars.allSatisfy(Self.allows)
        else { return nil }
        self.text = text
    }

    public static func allows(_ scalar: Unicode.Scalar) -> Bool {
        !controls.contains { $0.contains(scalar) }
    }

    public var description: String { text }
}
