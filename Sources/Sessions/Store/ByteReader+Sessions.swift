import Bytes
import Storage
import Time

extension ByteBuffer {
    mutating func append(_ time: Timestamp) { appendSignedVarint(time.milliseconds) }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func takeTimestamp() throws(MalformedRecord) -> Timestamp {
        Timestamp(milliseconds: try takeSignedVarint())
    }

    /// A copy of counted bytes.
    @_lifetime(self: copy self)
    mutating func takeBytes() throws(MalformedRecord) -> [UInt8] {
        let bytes = try takeCounted()
        return bytes.bytesArray
    }

    @_lifetime(self: copy self)
    mutating func takeVarint32(_ what: String) throws(MalformedRecord) -> UInt32 {
        guard let value = UInt32(exactly: try takeVarint()) else { throw .malformed(what: what) }
        return value
    }

    /// A record is all of its bytes.
    func requireEnd(of what: String) throws(MalformedRecord) {
        if !isAtEnd { throw .malformed(what: "\(what): bytes too many") }
    }
}
