/// A DeviceSecret or ProductSecret in the clear: 1 to 64 visible ASCII bytes (0x21 to 0x7E).
///
/// It is the key of an HMAC (wire.md), so it has to come back as it was: the books hold it sealed
/// (`SecretKeys`). Its description hides it, so that no log shows one by accident.
public struct Secret: Hashable, Sendable, CustomStringConvertible {
    public static var maximumLength: Int { 64 }

    public let text: String

    /// `nil` when `text` is not such a secret.
    public init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.text = text
    }

    public var description: String { "Secret(hidden)" }
}
