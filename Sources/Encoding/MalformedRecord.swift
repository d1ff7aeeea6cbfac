/// Bytes that are not what a record's or key's type writes.
public struct MalformedRecord: Error, Hashable, Sendable {
    /// The part that was expected there, in words.
    public let what: String

    public init(what: String) { self.what = what }

    /// For `throw .malformed(what: ...)`.
    public static func malformed(what: String) -> MalformedRecord { MalformedRecord(what: what) }
}
