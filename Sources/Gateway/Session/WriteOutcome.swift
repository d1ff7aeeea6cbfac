/// What a write has come to that a PUBLISH's acknowledgement waits for.
enum WriteOutcome: Sendable {
    /// It is on disk, or has met its end without being needed there.
    case stored

    /// No more messages can be retained.
    case full

    /// The disk did not take it.
    case notStored

    /// What the sender is told in place of success.
    var verdict: PublishVerdict? {
        switch self {
        case .stored: nil
        case .full: .refused(.retainedFull)
        case .notStored: .refused(.notStored)
        }
    }
}
