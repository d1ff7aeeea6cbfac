package import Bytes
package import Storage
public import Time

/// What a digest has told of at an earlier time, for mail about it that was not sent yet (rule E2).
public struct AlertTelling: Hashable, Sendable {
    public let at: Timestamp
    public let value: UInt64
    public let digest: [AlertDigestLine]

    init(at: Timestamp, value: UInt64, digest: [AlertDigestLine]) {
        self.at = at
        self.value = value
        self.digest = digest
    }
}

extension AlertTelling: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: at, value, digest)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(at:value:digest:))
    }
}

extension AlertRecord {
    /// What was told of at that time, or, when that is not kept any more, the earliest that is.
    public func telling(at time: Timestamp) -> AlertTelling {
        let last = AlertTelling(at: repeatedAt ?? firedAt, value: value, digest: digest)
        if last.at == time { return last }
        return earlier.first { $0.at == time } ?? earlier.first { $0.at > time } ?? last
    }

    /// It is about to tell of something else.
    ///
    /// - Parameter isWanted: whether mail about what was told of at that time is to be sent still.
    mutating func keepTelling(where isWanted: (Timestamp) -> Bool) {
        earlier.append(AlertTelling(at: repeatedAt ?? firedAt, value: value, digest: digest))
        earlier = Array(earlier.filter { isWanted($0.at) }.suffix(Books.tellingsMaximum))
    }
}
