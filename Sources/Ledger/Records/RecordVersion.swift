import Bytes
import Storage

/// The first byte of every record, event and command: how the rest is laid out. There is one layout
/// so far.
enum RecordVersion {
    static let current: UInt8 = 1

    /// Reads the version of a record; throws unless it is one that this program knows.
    @_lifetime(reader: copy reader)
    static func take(from reader: inout ByteReader, of what: String) throws(MalformedRecord) {
        guard try reader.takeUInt8() == current else {
            throw .malformed(what: "\(what) of an unknown version")
        }
    }
}
