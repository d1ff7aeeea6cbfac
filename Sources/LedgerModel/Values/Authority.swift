public import Bytes
public import Encoding
public import Time

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

/// A number that an authority has given: a certificate's serial number, or a list's. Not negative, at most 64 bytes:
/// an authority must not give more than 20 (RFC 5280, 4.1.2.2 and 5.2.3), and one that did has its certificates revoked
/// all the same.
public struct AuthorityNumber: Hashable, Sendable {
    public static let maximumLength = 64

    /// Big-endian, none of them a zero in front; of zero there are none.
    public let bytes: [UInt8]

    /// Zeros in front are left out; `nil` when there are more than 64 bytes besides.
    public init?(_ bytes: [UInt8]) {
        self.bytes = Array(bytes.drop { $0 == 0 })
        guard self.bytes.count <= Self.maximumLength else { return nil }
    }
}

extension AuthorityNumber: Comparable, CustomStringConvertible {
    public static func < (left: Self, right: Self) -> Bool {
        if left.bytes.count != right.bytes.count { return left.bytes.count < right.bytes.count }
        return left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Hexadecimal digits, two for each byte.
    public var description: String {
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return digits.isEmpty ? "00" : digits.joined()
    }
}

/// How many bytes there are, then these: numbers in their order.
extension AuthorityNumber: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        writer.append(UInt8(bytes.count))
        writer.append(bytes.span)
    }

    public init?(decoding reader: inout ByteReader) {
        guard let count = reader.readUInt8(), let bytes = reader.readBytes(Int(count)) else {
            return nil
        }
        self.init(bytes.bytesArray)
    }
}

/// A list of revoked certificates (CRL; RFC 5280, 5), as the books take it.
public struct RevocationList: Hashable, Sendable {
    /// A list may be without one.
    public let number: AuthorityNumber?
    public let thisUpdate: Timestamp

    /// When the next one comes, if it says so.
    public let nextUpdate: Timestamp?

    /// The certificates, by their serial numbers: in order, each once.
    public let serials: [AuthorityNumber]

    public init(
        number: AuthorityNumber?,
        thisUpdate: Timestamp,
        nextUpdate: Timestamp?,
        serials: some Sequence<AuthorityNumber>
    ) {
        self.number = number
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
        self.serials = Set(serials).sorted()
    }
}
