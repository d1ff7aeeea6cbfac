public import Bytes
public import Encoding
public import Time

/// How often one side may change a device's state, where that is not counted: so many at once after a pause, and then one
/// in each interval. So that state is no way to send messages for nothing.
public struct StatePace: Hashable, Sendable {
    public static var burst: Int64 { 30 }
    public static var intervalMilliseconds: Int64 { 60_000 }

    /// When the whole burst is there again, which is all that there is to know (the generic cell rate algorithm).
    public private(set) var fullAt: Timestamp

    public init(fullAt: Timestamp = Timestamp(milliseconds: 0)) { self.fullAt = fullAt }

    /// Takes one of those that are there; false when none is.
    public mutating func take(at now: Timestamp) -> Bool {
        let next = max(fullAt, now).adding(milliseconds: Self.intervalMilliseconds)
        guard next.milliseconds(since: now) <= Self.burst * Self.intervalMilliseconds else {
            return false
        }
        fullAt = next
        return true
    }
}

/// What a device is to be, as the platform has said it.
public struct DesiredState: Hashable, Sendable {
    /// One more with each change; 0 before the first.
    public let version: UInt64
    public let changedAt: Timestamp
    public let document: StateDocument
    let pace: StatePace

    package init(
        version: UInt64, changedAt: Timestamp, document: StateDocument, pace: StatePace
    ) {
        self.version = version
        self.changedAt = changedAt
        self.document = document
        self.pace = pace
    }

    /// Nothing was said yet.
    public static let none = DesiredState(
        version: 0, changedAt: Timestamp(milliseconds: 0), document: .empty, pace: StatePace())

    /// What an edit makes of it at that time; `nil` when that is the same document.
    package func carryingOut(
        _ edit: DesiredEdit, at time: Timestamp
    ) throws(DesiredObjection) -> DesiredState? {
        if let expected = edit.expected, expected != version { throw .otherVersion(version) }
        let base = edit.isMerge ? document : .empty
        guard let new = try? base.merging(edit.patch) else { throw .tooLarge }
        if new == document { return nil }
        var pace = pace
        guard pace.take(at: time) else { throw .tooOften }
        return DesiredState(version: version + 1, changedAt: time, document: new, pace: pace)
    }
}

/// Why a device's desired state is not changed.
package enum DesiredObjection: Error {
    case otherVersion(UInt64)
    case tooLarge
    case tooOften
}

extension DesiredState: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: version, changedAt, pace.fullAt, document)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let version: UInt64 = try reader.take()
        let changedAt: Timestamp = try reader.take()
        let fullAt: Timestamp = try reader.take()
        self.init(
            version: version, changedAt: changedAt, document: try reader.take(),
            pace: StatePace(fullAt: fullAt))
    }
}

/// A change of what a device is to be.
public struct DesiredEdit: Hashable, Sendable {
    public let patch: StatePatch

    /// Merged into the document that there is (RFC 7396), rather than into an empty one.
    public let isMerge: Bool

    /// Carried out only when the document has this version.
    public let expected: UInt64?

    public init(_ patch: StatePatch, isMerge: Bool, expected: UInt64? = nil) {
        self.patch = patch
        self.isMerge = isMerge
        self.expected = expected
    }
}

extension DesiredEdit: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: patch, isMerge, expected)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let patch: StatePatch = try reader.take()
        self.init(patch, isMerge: try reader.take(), expected: try reader.take())
    }
}

/// What a device says that it is, as it is kept beside retained messages: the record that is their payload.
public struct ReportedState: Hashable, Sendable {
    /// One more with each change of the document; 0 before the first.
    public let version: UInt64
    public let changedAt: Timestamp

    /// The desired document that the device has, as it says.
    public let desired: UInt64

    /// When the device was registered that has said it: what one of the same name had said before does not count.
    public let registeredAt: Timestamp
    public let document: StateDocument

    public init(
        version: UInt64, changedAt: Timestamp, desired: UInt64, registeredAt: Timestamp,
        document: StateDocument
    ) {
        self.version = version
        self.changedAt = changedAt
        self.desired = desired
        self.registeredAt = registeredAt
        self.document = document
    }

    /// Nothing was said yet.
    public static func none(registeredAt: Timestamp) -> ReportedState {
        ReportedState(
            version: 0, changedAt: Timestamp(milliseconds: 0), desired: 0,
            registeredAt: registeredAt, document: .empty)
    }

    /// What a report makes of it; `nil` when nothing is different. The version is not looked at.
    public func carryingOut(
        _ report: StateReport, at time: Timestamp
    ) throws(StateFault) -> ReportedState? {
        let new = if let patch = report.patch { try document.merging(patch) } else { document }
        let isChanged = new != document
        let confirmed = report.desired ?? desired
        guard isChanged || confirmed != desired else { return nil }
        return ReportedState(
            version: isChanged ? version + 1 : version,
            changedAt: isChanged ? time : changedAt,
            desired: confirmed, registeredAt: registeredAt, document: new)
    }
}

extension ReportedState: StorageRecord {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, version, changedAt, desired, registeredAt, document)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "reported state") {
        case .v1:
            self = try reader.make {
                Self(
                    version: $0, changedAt: $1, desired: $2, registeredAt: $3, document: $4)
            }
        }
    }

    public var bytes: [UInt8] {
        var buffer = ByteBuffer()
        encode(into: &buffer)
        return buffer.span.bytesArray
    }

    /// `nil` when the bytes are no such record.
    public init?(bytes: [UInt8]) {
        var reader = ByteReader(bytes.span)
        guard let state = try? ReportedState(decoding: &reader), reader.isAtEnd else { return nil }
        self = state
    }
}
