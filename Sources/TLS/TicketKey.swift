internal import COpenSSL

/// What session tickets are sealed with (RFC 5077, 4): a name that the ticket carries, a key of
/// AES-256-CBC and one of HMAC-SHA256.
struct TicketKey: Sendable, Equatable {
    static let nameLength = 16
    static let keyLength = 32

    /// Bytes of one key when it is saved: name, MAC key, cipher key.
    static let length = nameLength + 2 * keyLength

    /// Where in `bytes` the MAC key and the cipher key start.
    static let macOffset = nameLength
    static let cipherOffset = nameLength + keyLength

    /// `length` bytes.
    let bytes: [UInt8]

    var name: ArraySlice<UInt8> { bytes[..<Self.nameLength] }

    /// A key from the library's random generator, or nil when that has failed.
    static func random() -> TicketKey? {
        var bytes = [UInt8](repeating: 0, count: length)
        // Safe: the array is exactly as long as said.
        guard unsafe RAND_priv_bytes(&bytes, Int32(length)) == 1 else { return nil }
        return TicketKey(bytes: bytes)
    }
}
