/// What a PUBLISH's acknowledgement has waited for.
enum Confirmed: Sendable {
    /// It is on disk, or has met its end without being needed there.
    case stored

    /// No more messages can be retained.
    case full

    /// The disk did not take it.
    case notStored

    init(_ fate: RetainedFate) {
        self =
            switch fate {
            case .stored: .stored
            case .full: .full
            case .notStored: .notStored
            }
    }

    /// What the sender is told in place of success.
    var verdict: PublishVerdict? {
        switch self {
        case .stored: nil
        case .full: .refused(.retainedFull)
        case .notStored: .refused(.notStored)
        }
    }
}
