public import Time

/// A session that somebody has to look at, and since when.
public struct DueSession: Hashable, Sendable {
    public let at: Timestamp
    public let name: SessionName

    public init(at: Timestamp, name: SessionName) {
        self.at = at
        self.name = name
    }
}
