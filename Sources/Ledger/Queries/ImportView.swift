/// An import in chunks as it is listed.
public struct ImportView: Hashable, Sendable {
    /// Of the event that began it.
    public let number: UInt64
    public let record: ImportRecord
}
