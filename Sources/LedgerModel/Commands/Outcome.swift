/// What became of a command.
public enum Outcome: Hashable, Sendable {
    /// It was carried out.
    case done(Effect)

    /// Its idempotency key, or the upgrade that it names, was known: nothing was changed now, and
    /// this is what the first command was answered (rules A8 and D2). A first refusal is repeated as
    /// `refused`.
    case repeated(Effect)

    /// It was not carried out, and the books are as they were.
    case refused(Refusal)

    /// What was done, now or the first time; `nil` when it was refused.
    public var effect: Effect? {
        switch self {
        case .done(let effect), .repeated(let effect): effect
        case .refused: nil
        }
    }
}
