public import Bytes
public import Encoding

/// What a top-up pack holds.
public enum TopUpKind: UInt8, Hashable, Sendable, CaseIterable {
    /// Messages past a device's daily allowance (rule C6).
    case messages = 1

    /// Attempts of OTA upgrades past a device's monthly allowance (rule D1).
    case ota = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .messages: "messages"
        case .ota: "ota"
        }
    }
}

/// One byte.
extension TopUpKind: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(rawValue) }

    public init?(decoding reader: inout ByteReader) {
        guard let byte = reader.readUInt8() else { return nil }
        self.init(rawValue: byte)
    }
}
