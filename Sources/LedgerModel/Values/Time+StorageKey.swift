public import Bytes
public import Encoding
public import Time

/// Eight bytes, ordered by time, also before 1970.
extension Month: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(Int64(number)) }

    public init?(decoding reader: inout ByteReader) {
        guard let number = reader.readKeyInt64().flatMap({ Int32(exactly: $0) }) else {
            return nil
        }
        self.init(number: number)
    }
}

/// Eight bytes, ordered by time, also before 1970.
extension Timestamp: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(milliseconds) }

    public init?(decoding reader: inout ByteReader) {
        guard let milliseconds = reader.readKeyInt64() else { return nil }
        self.init(milliseconds: milliseconds)
    }
}
