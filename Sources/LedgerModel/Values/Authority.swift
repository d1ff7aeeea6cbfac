import Bytes

/// Names an authority's certificate (CA) that an account has registered: its SHA-256 fingerprint, 64 of `[0-9a-f]`.
public struct AuthorityID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }

    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
