public import Bytes

/// How a kind of record is laid out: its first byte.
///
/// Each kind has an enumeration of its own, with a case for each layout that was ever released. Its
/// encoder writes the newest; its decoder switches over all of them, so that it reads what every older
/// program wrote, and a new case without its reading does not compile.
public protocol RecordVersion: RawRepresentable<UInt8>, CaseIterable, Sendable {}

extension ByteBuffer {
    @inlinable
    public mutating func append(_ version: some RecordVersion) { append(version.rawValue) }
}

extension ByteReader {
    /// The version of a record; throws when this program does not know it.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func take<Version: RecordVersion>(
        _ versions: Version.Type,
        of what: @autoclosure () -> String
    ) throws(MalformedRecord) -> Version {
        let byte = try takeUInt8()
        if let version = Version(rawValue: byte) { return version }
        throw .unknownVersion(byte, of: what(), known: versions)
    }
}

extension MalformedRecord {
    /// Says whether a newer program has written the record, or none can have.
    public static func unknownVersion<Version: RecordVersion>(
        _ byte: UInt8,
        of what: String,
        known versions: Version.Type
    ) -> MalformedRecord {
        let newest = versions.allCases.map(\.rawValue).max() ?? 0
        return byte > newest
            ? .malformed(
                what:
                    "\(what) of version \(byte), which a newer Tollgate wrote: this one knows \(newest)"
            )
            : .malformed(what: "\(what) of version \(byte), which there never was")
    }
}
